//! Cargo's build script. With the feature `server` it compiles the shim and makes
//! the bindings, both against the headers of one configured source tree, and checks
//! that the committed header agrees with the exports. The environment comes from make
//! or meson. Without that feature it does nothing, so `domain` needs no server.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "server")]
    server::build();
}

#[cfg(feature = "server")]
mod server {
    use std::env;
    use std::fs;
    use std::path::PathBuf;

    const HEADER: &str = "shim/sesstrig_core.h";

    // All that Rust uses of the server and of the shim.

    /// What may raise an error is called by a guard, which returns the error.
    const GUARDS: &str = "sesstrig_try_.*";

    /// Functions that cannot raise an error.
    const CANNOT_RAISE: &[&str] = &[
        // access/xact.h
        "IsTransactionOrTransactionBlock",
        // access/xlog.h
        "GetSystemIdentifier",
        // utils/elog.h
        "message_level_is_interesting",
        // utils/timestamp.h
        "GetCurrentTimestamp",
        // shim/sesstrig_guard.h
        "sesstrig_assign_creator_role",
        "sesstrig_assign_protected_settings",
        "sesstrig_check_protected_settings",
        "sesstrig_end_timeout",
        "sesstrig_error_free",
        "sesstrig_event_triggers_on",
        "sesstrig_explain_timeout",
        "sesstrig_ignore_cancels",
        "sesstrig_lend_credentials",
        "sesstrig_out_of_memory",
        "sesstrig_stop_requested",
        "sesstrig_timeout_is_reached",
        // shim/sesstrig_proxy.h
        "sesstrig_check_proxy_networks",
        "sesstrig_proxy_address",
        // shim/audit/sesstrig_session.h
        "sesstrig_client_auth_method",
        "sesstrig_client_encryption",
        "sesstrig_client_identity",
        "sesstrig_client_is_lost",
        "sesstrig_exit_is_interrupt",
        "sesstrig_exit_sqlstate",
        "sesstrig_format_time",
        "sesstrig_in_recovery",
        // shim/audit/sesstrig_record.h
        "sesstrig_commit_level",
        "sesstrig_commit_waits",
        "sesstrig_has_sessions",
        "sesstrig_login_role",
        "sesstrig_process_number",
        "sesstrig_reloads",
        "sesstrig_wake_process",
        "sesstrig_wal_end",
    ];

    const TYPES: &[&str] = &[
        // miscadmin.h
        "BackendType",
        // tcop/cmdtag.h
        "CommandTag",
        // utils/elog.h
        "ErrorData",
        // utils/guc.h
        "GucContext",
        "GucStringAssignHook",
        "GucStringCheckHook",
        "config_enum_entry",
        // shim/audit/sesstrig_record.h
        "SesstrigAddress",
        "SesstrigHead",
        "SesstrigRecord",
        "SesstrigRows",
        "SesstrigText",
    ];

    /// Variables, and macros that are numbers.
    const VARIABLES: &[&str] = &[
        // commands/trigger.h
        "SESSION_REPLICATION_ROLE_REPLICA",
        "SessionReplicationRole",
        // executor/instrument.h
        "pgBufferUsage",
        "pgWalUsage",
        // miscadmin.h
        "IsBinaryUpgrade",
        "IsUnderPostmaster",
        "MaxBackends",
        "MyBackendType",
        "MyDatabaseId",
        "MyProcPid",
        "MyProcPort",
        "MyStartTime",
        // replication/walsender.h
        "am_walsender",
        // utils/elog.h
        "DEBUG1",
        "DEBUG2",
        "LOG_SERVER_ONLY",
        // utils/guc.h
        "GUC_UNIT_MS",
        "application_name",
        // utils/pidfile.h
        "LOCK_FILE_LINE_PM_STATUS",
        "PM_STATUS_STOPPING",
        // shim/audit/sesstrig_record.h
        "SESSTRIG_DIGEST_LENGTH",
    ];

    /// A regular expression for these names.
    fn any_of(names: &[&str]) -> String {
        names.join("|")
    }

    pub fn build() {
        let cppflags = flags("SESSTRIG_CPPFLAGS");
        check_header();
        write_bindings(&cppflags);
        compile_shim(&cppflags);
    }

    /// The words of an environment variable that make or meson sets.
    fn flags(variable: &str) -> Vec<String> {
        println!("cargo::rerun-if-env-changed={variable}");
        let value = env::var(variable).unwrap_or_else(|_| {
            panic!("{variable} is not set: the feature `server` is built by make, see Makefile")
        });
        value.split_whitespace().map(str::to_owned).collect()
    }

    /// Fails the build if the committed header is stale, or rewrites the header if
    /// SESSTRIG_WRITE_HEADER is set.
    fn check_header() {
        println!("cargo::rerun-if-env-changed=SESSTRIG_WRITE_HEADER");
        for path in ["src/ffi", "cbindgen.toml", HEADER] {
            println!("cargo::rerun-if-changed={path}");
        }
        let config = cbindgen::Config::from_file("cbindgen.toml").expect("cbindgen.toml is valid");
        let mut text = Vec::new();
        cbindgen::Builder::new()
            .with_config(config)
            .with_src("src/ffi/mod.rs")
            .generate()
            .expect("the exports can be expressed in C")
            .write(&mut text);
        if fs::read(HEADER).is_ok_and(|committed| committed == text) {
            return;
        }
        if env::var_os("SESSTRIG_WRITE_HEADER").is_some() {
            fs::write(HEADER, text).expect("the header can be written");
        } else {
            println!("cargo::error={HEADER} is stale: run tools/header");
        }
    }

    fn write_bindings(cppflags: &[String]) {
        let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
        bindgen::Builder::default()
            .header("pgwrap.h")
            .clang_args(cppflags)
            .clang_args(["-Ishim", "-Iinclude"])
            .parse_callbacks(Box::new(bindgen::CargoCallbacks::new()))
            .allowlist_function(any_of(CANNOT_RAISE))
            .allowlist_function(GUARDS)
            .allowlist_type(any_of(TYPES))
            .allowlist_var(any_of(VARIABLES))
            // Raising an error is left to C: a longjmp must not cross Rust's frames.
            .blocklist_function("ereport|elog|errstart|errfinish|.*longjmp|pg_re_throw")
            .layout_tests(false)
            .generate()
            .expect("the server's headers can be read")
            .write_to_file(out.join("bindings.rs"))
            .expect("OUT_DIR can be written");
    }

    fn compile_shim(cppflags: &[String]) {
        let mut build = cc::Build::new();
        // Compile with the flags of the server, and none of cc's own but -Wall. Without
        // any, cc would pass -w, which also silences the error below.
        build
            .no_default_flags(true)
            .extra_warnings(false)
            .include("shim")
            .include("include");
        for flag in cppflags.iter().chain(&flags("SESSTRIG_CFLAGS")) {
            build.flag(flag);
        }
        // Without a declaration, a function that returns a pointer would return int.
        build.flag("-Werror=implicit-function-declaration");
        if env::var_os("CARGO_FEATURE_FAULTS").is_some() {
            build.define("SESSTRIG_FAULTS", None);
        }
        for room in [
            "shim",
            "shim/server",
            "shim/session",
            "shim/audit",
            "shim/oracle",
        ] {
            for file in fs::read_dir(room)
                .expect("the directory is there")
                .flatten()
            {
                let path = file.path();
                if path.extension().is_some_and(|extension| extension == "c") {
                    build.file(&path);
                }
                println!("cargo::rerun-if-changed={}", path.display());
            }
            println!("cargo::rerun-if-changed={room}");
        }
        build.compile("sesstrig_shim");
    }
}
