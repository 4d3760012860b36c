//! What files and environment variables come to as settings, and how wrong ones are named: all pinned.

use std::fmt::Write;

use crate::served::command;

const FILES: &[&str] = &[
    "",
    "listen = '127.0.0.1:6000'\n[log]\nformat = 'json'",
    "log.format = 'json'",
    "lisen = 'x'",
    "listen = 'x'",
    "listen = 5",
    "listen = 1979-05-27T07:32:00Z",
    "log = 5",
    "[nothing]\nx = 1",
    "[log]\ncolour = true",
    "[log]\nformat = 'xml'",
    "[log]\nformat = 0",
    "listen = ",
    "[log",
    "a = 1\na = 2",
    "cache_megabytes = -1",
    "cache_megabytes = '64'",
    "cache_megabytes = 1.5",
    "cache_megabytes = 9999999999",
    "drain_seconds = 18446744073709551615",
    "starter_data = 'yes'",
    "policy = ['a']",
    "[policy]\nx = 1",
    "[sync]\nmax_shrink = 1",
    "[sync]\nmax_shrink = 'a'",
    "[outcomes]\nper_day = 5000000000",
    "[outcomes]\ntrust = []",
    "[outcomes.trust]\nAcme = 'high'",
    "[outcomes.trust]\nacme = 'full'",
    "[redis]\npassword = 12345",
    "[redis]\nwait_replicas = 3000000000",
];

const VARIABLES: &[&[(&str, &str)]] = &[
    &[("LISTEN", "127.0.0.1:7000")],
    &[("LISTEN", "5")],
    &[("LISEN", "x")],
    &[("LOG__FORMAT", "json")],
    &[("LOG__FORMAT", "\" json\"")],
    &[("LOG__FORMAT", " \"json\" ")],
    &[("log__format", " json ")],
    &[("LOG.FORMAT", "json")],
    &[("LOG__FORMAT", "xml")],
    &[("LOG__FORMAT__X", "5")],
    &[("LOG__COLOUR", "1")],
    &[("LOG", "5")],
    &[("LOG__", "5"), ("__LISTEN", "x"), ("", "5")],
    &[("LOG__LEVEL", "numguard=debug,h2=warn")],
    &[("CACHE_MEGABYTES", " 128 ")],
    &[("CACHE_MEGABYTES", "+0128")],
    &[("CACHE_MEGABYTES", "12x")],
    &[("CACHE_MEGABYTES", "1.5")],
    &[("CACHE_MEGABYTES", "-1")],
    &[("CACHE_MEGABYTES", "")],
    &[("CACHE_MEGABYTES", "\"128\"")],
    &[("CACHE_MEGABYTES", "18446744073709551615")],
    &[("STARTER_DATA", " false ")],
    &[("STARTER_DATA", "False")],
    &[("STARTER_DATA", "0")],
    &[("STARTER_DATA", "falsehood")],
    &[("SYNC__MAX_SHRINK", "1")],
    &[("SYNC__MAX_SHRINK", ".25")],
    &[("SYNC__MAX_SHRINK", "5e-1")],
    &[("REDIS__URL", "redis-sentinel://a:1,b:2/m")],
    &[("REDIS__URL", "redis://[::1]:6379")],
    &[("REDIS__URL", "redis://x"), ("REDIS__PASSWORD", "12345")],
    &[("REDIS__URL", "redis://x"), ("REDIS__PASSWORD", "\"12345\"")],
    &[("REDIS__URL", "true")],
    &[("REDIS__PREFIX", "'a'")],
    &[("REDIS__PREFIX", "'ab'")],
    &[("REDIS__PREFIX", " a,b ")],
    &[("REDIS__PREFIX", "\"a\\tb\"")],
    &[("REDIS__PREFIX", "\"open")],
    &[("REDIS__WAIT_REPLICAS", "-1")],
    &[("REDIS__WAIT_REPLICAS", "3000000000")],
    &[("DATA_DIR", "")],
    &[("DATA_DIR", "5")],
    &[("DATA_DIR", " /tmp/x y ")],
    &[("METRICS__LISTEN", "9464")],
    &[("OUTCOMES__TRUST", "{ acme = high , \"B c\"=low}")],
    &[("OUTCOMES__TRUST", "[1,true,hi]")],
    &[("OUTCOMES__TRUST", "{a=1}")],
    &[("OUTCOMES__TRUST", "{a=high}x")],
    &[("OUTCOMES__TRUST__ACME", "high")],
    &[("OUTCOMES__TRUST__ACME", "full")],
    &[("OUTCOMES", "{keep=5}"), ("OUTCOMES__KEEP_DAYS", "7")],
    &[("SERVER", "x"), ("API_KEY", "x"), ("PORT", "tcp://1"), ("SERVICE_HOST", "x")],
];

/// The settings that differ from the defaults, or what is wrong.
fn settings(file: &str, variables: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("n.toml"), file).unwrap();
    let show = |file: &str, variables: &[(&str, &str)]| {
        std::fs::write(folder.path().join("n.toml"), file).unwrap();
        let mut command = command(&["config", "show", "--config", "n.toml"]);
        command.current_dir(folder.path()).env_remove("NUMGUARD_METRICS__LISTEN");
        command.envs(variables.iter().map(|(name, value)| (format!("NUMGUARD_{name}"), value)));
        command.output().unwrap()
    };
    let (default, shown) = (show("", &[]), show(file, variables));
    let default = String::from_utf8(default.stdout).unwrap();
    let shown = [shown.stdout, shown.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    let lines = shown.lines().filter(|line| !default.lines().any(|known| known == *line));
    lines.map(|line| format!("    {line}\n")).collect()
}

#[test]
fn files_variables_and_what_is_wrong_with_them() {
    let mut all = String::new();
    for file in FILES {
        write!(all, "{}\n{}", file.replace('\n', " | "), settings(file, &[])).unwrap();
    }
    for variables in VARIABLES {
        let named = variables.iter().map(|(name, value)| format!("{name}={value}"));
        write!(all, "{}\n{}", named.collect::<Vec<_>>().join(" | "), settings("", variables)).unwrap();
    }
    insta::assert_snapshot!(all);
}

#[test]
fn later_layers_win_setting_by_setting() {
    let file = "listen = '127.0.0.1:6000'\ndrain_seconds = 3\n[log]\nformat = 'json'\nlevel = 'warn'";
    let variables = [("LISTEN", "127.0.0.1:7000"), ("LOG__LEVEL", "error")];
    let expected =
        ["listen = \"127.0.0.1:7000\"", "drain_seconds = 3", "format = \"json\"", "level = \"error\""];
    assert_eq!(settings(file, &variables), expected.map(|line| format!("    {line}\n")).concat());
    // The layer that won is the one that is wrong.
    let wrong = settings("listen = 'x'", &[("LISTEN", "y")]);
    assert!(wrong.contains("NUMGUARD_") && !wrong.contains("n.toml"), "{wrong}");
}
