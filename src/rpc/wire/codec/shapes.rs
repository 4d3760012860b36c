//! Where requests may hold many entries: the repeated fields of all request messages, as the compiled protos
//! have them. Read once, at the first large request.

use std::collections::HashMap;
use std::sync::LazyLock;

use prost::Message;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FileDescriptorSet};

use crate::rpc::pb::DESCRIPTORS;

/// The fields of a message that are lists, or lead to lists.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Shape {
    pub(crate) fields: Vec<Field>,
    /// Lists of this message, those of its single messages included.
    pub(crate) lists: usize,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Field {
    pub(crate) number: u32,
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Kind {
    /// A single message. What comes of it twice is merged, so the lists in it are counted with those of the
    /// message around it: they begin at this index.
    Single { shape: Shape, at: usize },
    /// A list, counted at this index among those of the message.
    List { at: usize, entry: Entry },
}

/// What one entry of a list is.
#[derive(Debug, PartialEq)]
pub(crate) enum Entry {
    /// Something without lists in it.
    Plain,
    /// A message with lists in it.
    Message(Shape),
    /// A number; so many bytes each when packed.
    Number(Width),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Width {
    Varint,
    Bytes(usize),
}

static REQUESTS: LazyLock<HashMap<String, Shape>> = LazyLock::new(|| {
    // They are compiled in and cannot be wrong; a test holds that they are read.
    let files = FileDescriptorSet::decode(DESCRIPTORS).unwrap_or_default();
    of_files(&files)
});

/// The shape of a request, by its full name; nothing for other messages.
pub(crate) fn of_request(name: &str) -> Option<&'static Shape> {
    REQUESTS.get(name)
}

/// All requests by name.
#[cfg(test)]
pub(crate) fn all() -> impl Iterator<Item = (&'static String, &'static Shape)> {
    REQUESTS.iter()
}

type Messages<'a> = HashMap<String, &'a DescriptorProto>;

/// The shapes of all messages that a method takes.
fn of_files(files: &FileDescriptorSet) -> HashMap<String, Shape> {
    let mut messages = Messages::new();
    for file in &files.file {
        let package = format!(".{}", file.package());
        file.message_type.iter().for_each(|message| name(&package, message, &mut messages));
    }
    let methods = files.file.iter().flat_map(|file| &file.service).flat_map(|service| &service.method);
    let inputs = methods.map(|method| method.input_type());
    inputs.map(|input| (input.trim_start_matches('.').to_owned(), shape(input, &messages, &[]))).collect()
}

fn name<'a>(within: &str, message: &'a DescriptorProto, messages: &mut Messages<'a>) {
    let full = format!("{within}.{}", message.name());
    message.nested_type.iter().for_each(|nested| name(&full, nested, messages));
    messages.insert(full, message);
}

/// The shape of a message within `around`. A message within itself is passed over: a test holds that no
/// request has one.
fn shape(name: &str, messages: &Messages<'_>, around: &[&str]) -> Shape {
    let mut found = Shape::default();
    let Some(message) = messages.get(name).filter(|_| !around.contains(&name)) else { return found };
    let around = [around, &[name]].concat();
    for field in &message.field {
        let inner = match field.r#type() {
            Type::Message => shape(field.type_name(), messages, &around),
            _ => Shape::default(),
        };
        let (at, lists) = (found.lists, inner.lists);
        let kind = if field.label() == Label::Repeated {
            found.lists += 1;
            Kind::List { at, entry: entry(field.r#type(), inner) }
        } else if lists > 0 {
            found.lists += lists;
            Kind::Single { shape: inner, at }
        } else {
            continue;
        };
        let number = field.number().unsigned_abs();
        found.fields.push(Field { number, name: field.name().to_owned(), kind });
    }
    found
}

fn entry(kind: Type, inner: Shape) -> Entry {
    match kind {
        Type::Message if inner.lists > 0 => Entry::Message(inner),
        Type::Message | Type::Group | Type::String | Type::Bytes => Entry::Plain,
        Type::Double | Type::Fixed64 | Type::Sfixed64 => Entry::Number(Width::Bytes(8)),
        Type::Float | Type::Fixed32 | Type::Sfixed32 => Entry::Number(Width::Bytes(4)),
        _ => Entry::Number(Width::Varint),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_has_its_shape() {
        let list = |number, name: &str, at, entry| {
            let (name, kind) = (name.to_owned(), Kind::List { at, entry });
            Field { number, name, kind }
        };
        let of_one = |field| Shape { fields: vec![field], lists: 1 };
        let request = |name: &str| of_request(&format!("numguard.v1.{name}"));
        assert_eq!(request("BatchCheckNumbersRequest"), Some(&of_one(list(1, "requests", 0, Entry::Plain))));
        assert_eq!(
            request("CreateKeyRequest"),
            Some(&of_one(list(2, "scopes", 0, Entry::Number(Width::Varint))))
        );
        let listing = of_one(list(2, "sightings", 0, Entry::Plain));
        let batch = of_one(list(1, "listings", 0, Entry::Message(listing)));
        let kind = Kind::Single { shape: batch, at: 0 };
        let part = Field { number: 1, name: "batch".to_owned(), kind };
        assert_eq!(request("ImportListingsRequest"), Some(&of_one(part)));
        assert_eq!(request("CheckNumberRequest"), Some(&Shape::default()));
        assert_eq!(request("BatchCheckNumbersResponse"), None, "answers are not limited");
    }

    /// The walk goes by the shape, and a shape has an end.
    #[test]
    fn no_request_holds_itself() {
        let files = FileDescriptorSet::decode(DESCRIPTORS).unwrap_or_else(|error| panic!("{error}"));
        let mut messages = Messages::new();
        for file in &files.file {
            let package = format!(".{}", file.package());
            file.message_type.iter().for_each(|message| name(&package, message, &mut messages));
        }
        fn visit<'a>(name: &'a str, messages: &'a Messages<'_>, around: &mut Vec<&'a str>) {
            assert!(!around.contains(&name), "{name} holds itself");
            around.push(name);
            let fields = messages.get(name).map(|message| &message.field);
            for field in fields.into_iter().flatten().filter(|field| field.r#type() == Type::Message) {
                visit(field.type_name(), messages, around);
            }
            around.pop();
        }
        for request in REQUESTS.keys() {
            visit(&format!(".{request}"), &messages, &mut Vec::new());
        }
        assert!(REQUESTS.len() > 30, "the protos were not read");
    }
}
