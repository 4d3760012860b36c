//! What each method asks of its caller, and how heavy it is.
//!
//! A method that is not named here needs the scope admin; a test holds that all are named.

use crate::access::{Scope, Weight};

/// What a method asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Method {
    /// The scope of the key; nothing: no key.
    pub(crate) needs: Option<Scope>,
    /// How much it may take.
    pub(crate) weight: Weight,
    /// Whether the service charges the caller, because it alone knows the count.
    pub(crate) charges: bool,
    /// Whether it is a stream of requests with one answer, which says what is stored already.
    pub(crate) imports: bool,
    /// Whether its messages are about one number each, so that none is large.
    pub(crate) small: bool,
}

const fn method(needs: Scope, weight: Weight) -> Method {
    Method { needs: Some(needs), weight, charges: false, imports: false, small: false }
}

/// One number.
const fn one(needs: Scope) -> Method {
    Method { small: true, ..method(needs, Weight::Light) }
}

const fn import(needs: Scope) -> Method {
    Method { imports: true, ..method(needs, Weight::Stream) }
}

/// What the service charges by the number.
const fn counted(needs: Scope, weight: Weight) -> Method {
    Method { charges: true, ..method(needs, weight) }
}

/// What the method at this path asks for.
pub(crate) fn at(path: &str) -> Method {
    use Scope::{Admin, Check, Read, Report};
    use Weight::{Heavy, Stream};
    let Some((service, name)) = path.strip_prefix('/').and_then(|path| path.split_once('/')) else {
        return method(Admin, Heavy);
    };
    match (service, name) {
        ("numguard.v1.CheckService", "CheckNumber" | "ExplainNumber") => one(Check),
        ("numguard.v1.CheckService", "BatchCheckNumbers") => counted(Check, Heavy),
        ("numguard.v1.CheckService", "StreamCheckNumbers") => {
            Method { small: true, ..counted(Check, Stream) }
        }
        ("numguard.v1.CheckService", "ReportOutcomes") => counted(Report, Heavy),
        ("numguard.v1.AdminService", "GetListing" | "ListListings" | "GetStats") => method(Read, Heavy),
        ("numguard.v1.AdminService", "GetPolicies" | "ValidatePolicy") => method(Read, Heavy),
        ("numguard.v1.AdminService", "ExportListings") => method(Read, Stream),
        ("numguard.v1.AdminService", "ImportListings") => import(Admin),
        ("numguard.v1.FeedService", "ListFeeds" | "ListQuarantine" | "GetOverlap" | "ListAllocations") => {
            method(Read, Heavy)
        }
        ("numguard.v1.FeedService", "ImportAllocation") => import(Admin),
        ("numguard.v1.OutcomeService", "ListOutcomes" | "ListReviews") => method(Read, Heavy),
        ("numguard.v1.OwnerService", "AskListing") => one(Check),
        // Probes have no key.
        ("grpc.health.v1.Health", "Check" | "List" | "Watch") => {
            Method { needs: None, small: true, ..counted(Check, Weight::Probe) }
        }
        ("grpc.reflection.v1.ServerReflection" | "grpc.reflection.v1alpha.ServerReflection", _) => {
            method(Read, Stream)
        }
        // Every other method changes something.
        _ => method(Admin, Heavy),
    }
}

#[cfg(test)]
mod tests {
    use prost_types::FileDescriptorSet;

    use super::*;
    use crate::rpc::pb::DESCRIPTORS;

    /// Methods that change something: named here, so that a new one that only reads is thought about.
    const CHANGES: [&str; 17] = [
        "PutListing",
        "DeleteListings",
        "UndoChange",
        "AcceptShrink",
        "RunFeed",
        "PauseFeed",
        "ResumeFeed",
        "ReleaseRun",
        "RejectRun",
        "RollbackFeed",
        "DeleteAllocation",
        "UndoOutcomes",
        "DecideReview",
        "CreateKey",
        "ListKeys",
        "RotateKey",
        "RevokeKey",
    ];

    #[test]
    fn every_method_has_been_thought_about() {
        let files: FileDescriptorSet =
            prost::Message::decode(DESCRIPTORS).unwrap_or_else(|error| panic!("{error}"));
        for file in files.file.iter().filter(|file| file.package() == "numguard.v1") {
            for service in &file.service {
                for rpc in &service.method {
                    let path = format!("/numguard.v1.{}/{}", service.name(), rpc.name());
                    let (asks, changes) = (at(&path), CHANGES.contains(&rpc.name()));
                    let other = asks == method(Scope::Admin, Weight::Heavy);
                    assert_eq!(other, changes, "{path}: name it in `at` or in CHANGES");
                    let streams = rpc.client_streaming() || rpc.server_streaming();
                    assert_eq!(streams, asks.weight == Weight::Stream, "{path}");
                    assert_eq!(rpc.client_streaming() && !rpc.server_streaming(), asks.imports, "{path}");
                }
            }
        }
    }

    #[test]
    fn every_change_names_its_author_and_its_request() {
        let files: FileDescriptorSet =
            prost::Message::decode(DESCRIPTORS).unwrap_or_else(|error| panic!("{error}"));
        let messages: Vec<_> = files.file.iter().flat_map(|file| &file.message_type).collect();
        let has = |message: &str, field: &str| {
            let found = messages.iter().find(|found| found.name() == message);
            found.is_some_and(|found| found.field.iter().any(|found| found.name() == field))
        };
        let streams = ["ImportFinish", "AllocationHead"].map(str::to_owned);
        let calls = CHANGES.iter().filter(|name| **name != "ListKeys").map(|name| format!("{name}Request"));
        for message in calls.chain(streams) {
            assert!(has(&message, "request_id"), "{message}: without an id it may be done twice");
            // A decision has its own.
            assert!(has(&message, "author") || message == "PutListingRequest", "{message}: by whom?");
        }
    }

    #[test]
    fn only_health_needs_no_key() {
        for (path, needs) in [
            ("/grpc.health.v1.Health/Check", None),
            ("/grpc.health.v1.Health/Other", Some(Scope::Admin)),
            ("/numguard.v1.CheckService/CheckNumber", Some(Scope::Check)),
            ("/numguard.v1.KeyService/ListKeys", Some(Scope::Admin)),
            ("/no/such", Some(Scope::Admin)),
            ("", Some(Scope::Admin)),
        ] {
            assert_eq!(at(path).needs, needs, "{path}");
        }
    }
}
