//! Compiles the protos with protox, so that no protoc is needed on the machine. The core needs none of them.

#[cfg(feature = "server")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let protos = ["check", "admin", "feed", "key", "outcome", "owner"]
        .map(|name| format!("proto/numguard/v1/{name}.proto"));
    let descriptors = protox::compile(protos, ["proto"])?;
    let out = std::path::PathBuf::from(std::env::var("OUT_DIR")?).join("descriptors.bin");
    let mut config = tonic_prost_build::Config::new();
    // The codec looks a message up by its name.
    config.enable_type_names();
    tonic_prost_build::configure()
        // Requests and answers hold numbers: without Debug no log line can print one by accident.
        .skip_debug(["."])
        .build_transport(true)
        // Counts the entries of large requests before they are decoded.
        .codec_path("crate::rpc::wire::codec::BoundedCodec")
        .compile_fds_with_config(descriptors.clone(), config)?;
    std::fs::write(out, prost::Message::encode_to_vec(&descriptors))?;
    println!("cargo:rerun-if-changed=proto");
    Ok(())
}

#[cfg(not(feature = "server"))]
fn main() {
    println!("cargo:rerun-if-changed=proto/build.rs");
}
