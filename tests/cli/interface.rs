//! The gRPC interface as text, so that it never changes by accident.

use numguard::rpc::pb::DESCRIPTORS;
use prost::Message;
use prost_types::FileDescriptorSet;
use prost_types::field_descriptor_proto::{Label, Type};

#[test]
fn services_messages_and_field_numbers() {
    let set = FileDescriptorSet::decode(DESCRIPTORS).unwrap();
    let mut text = String::new();
    for file in set.file.iter().filter(|file| file.package() == "numguard.v1") {
        for service in &file.service {
            text.push_str(&format!("service {}\n", service.name()));
            for method in &service.method {
                let stream = |streaming: bool| if streaming { "stream " } else { "" };
                text.push_str(&format!(
                    "  {}({}{}) -> {}{}\n",
                    method.name(),
                    stream(method.client_streaming()),
                    method.input_type(),
                    stream(method.server_streaming()),
                    method.output_type()
                ));
            }
        }
        for message in &file.message_type {
            text.push_str(&format!("message {}\n", message.name()));
            for field in &message.field {
                let repeated = if field.label() == Label::Repeated { "repeated " } else { "" };
                let kind = match field.r#type() {
                    Type::Message | Type::Enum => field.type_name().to_owned(),
                    other => other.as_str_name().trim_start_matches("TYPE_").to_lowercase(),
                };
                text.push_str(&format!("  {} {} = {repeated}{kind}\n", field.number(), field.name()));
            }
        }
        for values in &file.enum_type {
            text.push_str(&format!("enum {}\n", values.name()));
            for value in &values.value {
                text.push_str(&format!("  {} {}\n", value.number(), value.name()));
            }
        }
    }
    insta::assert_snapshot!("interface", text);
}
