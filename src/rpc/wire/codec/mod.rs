//! How messages are read and written: as prost does it, but a large request is looked at first.
//!
//! An empty entry of a repeated field is two bytes on the wire and hundreds in memory. So the entries of a
//! large request are counted before anything is decoded. Answers are not limited: a client asked for them.
//! Must not judge what is in a message; a broken one is prost's to refuse.

mod count;
mod shapes;

use prost::bytes::Buf;
use prost::{Message, Name};
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder};
use tonic_prost::{ProstCodec, ProstDecoder, ProstEncoder};

use super::super::status::invalid;
use count::{Excess, Limits};

/// Bytes of a message that is decoded as it is: an entry has two bytes at least, so no list in it is too long.
/// No check of one number is larger.
const SMALL: usize = 2 * LIMITS.field;

/// What one request may hold.
///
/// The services take 10,000 entries in a list. The bound of all entries concerns lists in lists, of which
/// there is one: sightings of listings. One takes 112 bytes, 224 in a list that has just grown, so 200,000 are
/// 45 MB and the decoded request stays below 64 MB. Sightings with a feed and times have 30 bytes on the
/// wire, so no import reaches the bound in the 4 MB that a message may have.
const LIMITS: Limits = Limits { field: 10_000, request: 200_000 };

/// The codec of all services and clients.
pub(crate) struct BoundedCodec<T, U>(ProstCodec<T, U>);

impl<T, U> Default for BoundedCodec<T, U> {
    fn default() -> Self {
        Self(ProstCodec::default())
    }
}

impl<T, U> Codec for BoundedCodec<T, U>
where
    T: Message + Send + 'static,
    U: Message + Name + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = BoundedDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        self.0.encoder()
    }

    fn decoder(&mut self) -> Self::Decoder {
        BoundedDecoder(self.0.decoder())
    }
}

/// Decodes what is within bounds.
pub(crate) struct BoundedDecoder<U>(ProstDecoder<U>);

impl<U: Message + Name + Default> Decoder for BoundedDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, message: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        if message.remaining() > SMALL
            && let Some(shape) = shapes::of_request(&U::full_name())
        {
            // tonic keeps a message in one piece.
            count::entries(shape, message.chunk(), LIMITS).map_err(refusal)?;
        }
        self.0.decode(message)
    }

    fn buffer_settings(&self) -> BufferSettings {
        self.0.buffer_settings()
    }
}

fn refusal(excess: Excess) -> Status {
    let expected = match excess.most {
        most if most == LIMITS.field => format!("more than {most} entries: expected at most {most}"),
        most => format!("more than {most} entries in all of the request: send smaller batches"),
    };
    invalid(excess.path, expected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::pb;

    #[test]
    fn what_one_request_may_hold_stays_below_64_mb() {
        // A list that has just grown has room for twice as many.
        assert!(2 * size_of::<pb::Sighting>() * LIMITS.request < 64 << 20);
    }
}
