//! The body of requests about one number: none of their messages is large, and one that says so is refused at
//! its first five bytes.
//!
//! tonic makes room for a whole message as soon as it has read how long it will be, and keeps what has come
//! of one that never ends. Must not read messages.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame};
use tonic::Status;
use tonic::codegen::Bytes;

/// Most bytes of a message about one number. A number and its context have some hundred; what is longer than a
/// number may be is still answered as such.
const LARGEST: u32 = 64 << 10;

/// Bytes before a message: whether it is packed, and its length.
const PREFIX: usize = 5;

/// A body whose messages are small, or which fails.
pub(crate) struct SmallMessages<B> {
    body: B,
    /// The prefix that is being read.
    prefix: [u8; PREFIX],
    read: usize,
    /// Bytes of the present message that are to come.
    left: u32,
}

impl<B> SmallMessages<B> {
    pub(crate) fn new(body: B) -> Self {
        Self { body, prefix: [0; PREFIX], read: 0, left: 0 }
    }

    /// Follows the messages in `data`.
    fn follow(&mut self, mut data: &[u8]) -> Result<(), Status> {
        while !data.is_empty() {
            if self.left > 0 {
                let skipped = data.len().min(self.left as usize);
                self.left -= skipped as u32;
                data = &data[skipped..];
                continue;
            }
            let taken = data.len().min(PREFIX - self.read);
            self.prefix[self.read..self.read + taken].copy_from_slice(&data[..taken]);
            (self.read, data) = (self.read + taken, &data[taken..]);
            if self.read == PREFIX {
                let [_, length @ ..] = self.prefix;
                (self.read, self.left) = (0, u32::from_be_bytes(length));
                if self.left > LARGEST {
                    let expected =
                        format!("{} bytes: expected at most {LARGEST} about one number", self.left);
                    return Err(Status::out_of_range(format!("the message has {expected}")));
                }
            }
        }
        Ok(())
    }
}

impl<B> Body for SmallMessages<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let frame = ready!(Pin::new(&mut this.body).poll_frame(context));
        let frame = frame.map(|frame| frame.map_err(|error| Status::from_error(error.into())));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
            && let Err(status) = this.follow(data)
        {
            return Poll::Ready(Some(Err(status)));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(length: u32) -> Vec<u8> {
        [&[0][..], &length.to_be_bytes(), &vec![7; length as usize]].concat()
    }

    proptest! {
        #[test]
        fn only_a_large_message_is_refused_however_the_bytes_come(
            lengths in proptest::collection::vec(0u32..300, 0..20),
            part in 1usize..400,
            large in any::<bool>(),
        ) {
            let mut bytes: Vec<u8> = lengths.into_iter().flat_map(message).collect();
            bytes.extend(message(LARGEST));
            if large {
                bytes.extend([&[0][..], &(LARGEST + 1).to_be_bytes()].concat());
            }
            let mut body = SmallMessages::new(());
            let followed = bytes.chunks(part).try_for_each(|part| body.follow(part));
            prop_assert_eq!(followed.is_err(), large);
        }
    }
}
