//! Finds the C libraries of the chosen features, generates their bindings and compiles their inline functions. Does
//! nothing without a feature.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    #[cfg(feature = "dpdk")]
    if let Err(message) = dpdk::build() {
        // Each line is shown by cargo as an error of its own.
        message.lines().for_each(|line| println!("cargo::error={line}"));
        std::process::exit(1);
    }
}

#[cfg(feature = "dpdk")]
mod dpdk {
    use std::path::PathBuf;

    /// Generates `dpdk.rs`, compiles `shim.c` and says what to link.
    pub(crate) fn build() -> Result<(), String> {
        for file in ["dpdk.h", "shim.c"] {
            println!("cargo::rerun-if-changed=src/{file}");
        }
        let flags = flags()?;
        cc::Build::new()
            .file("src/shim.c")
            .flags(&flags)
            .warnings(false)
            .try_compile("adit_dpdk_shim")
            .map_err(|error| format!("the C compiler refuses DPDK's headers: {error}"))?;
        LIBRARIES.iter().for_each(|library| println!("cargo::rustc-link-lib={library}"));
        // Without libclang it panics, and its words name no package.
        let generate = || builder().clang_args(&flags).generate().map_err(|error| error.to_string());
        let generated = std::panic::catch_unwind(generate);
        let bindings = generated.unwrap_or_else(|_| Err("libclang is missing".into())).map_err(|error| {
            format!(
                "no bindings of DPDK, {error}: on Debian, apt-get install libclang-dev; with several versions of \
                 clang, LIBCLANG_PATH=/usr/lib/llvm-14/lib, the folder of one of them"
            )
        })?;
        let folder = std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
        let path = PathBuf::from(folder).join("dpdk.rs");
        bindings.write_to_file(&path).map_err(|error| format!("cannot write {}: {error}", path.display()))
    }

    /// Compiler flags of the installed DPDK, and the folders to link from.
    fn flags() -> Result<Vec<String>, String> {
        let found = pkg_config::Config::new()
            .cargo_metadata(false)
            .print_system_cflags(true)
            .atleast_version("22.11")
            .probe("libdpdk")
            .map_err(|error| {
                format!(
                    "the feature dpdk needs DPDK 22.11 or later: on Debian, apt-get install libdpdk-dev \
                     libclang-dev pkg-config; elsewhere set PKG_CONFIG_PATH to where libdpdk.pc is\n{error}"
                )
            })?;
        found
            .link_paths
            .iter()
            .for_each(|path| println!("cargo::rustc-link-search=native={}", path.display()));
        let mut flags: Vec<_> =
            found.include_paths.iter().map(|path| format!("-I{}", path.display())).collect();
        // The pkg-config crate knows neither of these two, and DPDK's headers need both.
        flags.extend(["-include", "rte_config.h"].map(String::from));
        if std::env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "x86_64") {
            flags.push("-march=corei7".into());
        }
        Ok(flags)
    }

    fn builder() -> bindgen::Builder {
        let mut builder = bindgen::Builder::default()
            .header("src/dpdk.h")
            .use_core()
            .layout_tests(true)
            .generate_comments(false)
            .derive_default(false)
            .default_enum_style(bindgen::EnumVariation::Consts)
            .prepend_enum_name(false)
            .blocklist_type("rte_mbuf")
            .raw_line("use crate::dpdk::rte_mbuf;");
        for name in FUNCTIONS {
            builder = builder.allowlist_function(name);
        }
        for name in VARIABLES {
            builder = builder.allowlist_var(name);
        }
        for name in TYPES {
            builder = builder.allowlist_type(name);
        }
        for name in OPAQUE {
            builder = builder.opaque_type(name);
        }
        builder
    }

    /// The libraries that hold the functions below. The drivers of devices are plug-ins, which EAL loads by itself.
    const LIBRARIES: &[&str] = &["rte_eal", "rte_mempool", "rte_mbuf", "rte_ethdev"];
    const FUNCTIONS: &[&str] = &[
        "adit_.*",
        "rte_dev_dma_map",
        "rte_dev_dma_unmap",
        "rte_eal_cleanup",
        "rte_eal_get_runtime_dir",
        "rte_eal_hotplug_add",
        "rte_eal_hotplug_remove",
        "rte_eal_init",
        "rte_eth_allmulticast_enable",
        "rte_eth_dev_adjust_nb_rx_tx_desc",
        "rte_eth_dev_close",
        "rte_eth_dev_configure",
        "rte_eth_dev_get_port_by_name",
        "rte_eth_dev_info_get",
        "rte_eth_dev_rss_hash_conf_get",
        "rte_eth_dev_rss_reta_query",
        "rte_eth_dev_rss_reta_update",
        "rte_eth_dev_rx_intr_ctl_q_get_fd",
        "rte_eth_dev_rx_intr_disable",
        "rte_eth_dev_rx_intr_enable",
        "rte_eth_dev_set_mtu",
        "rte_eth_dev_get_mtu",
        "rte_eth_dev_socket_id",
        "rte_eth_dev_start",
        "rte_eth_dev_stop",
        "rte_eth_link_get_nowait",
        "rte_eth_macaddr_get",
        "rte_eth_promiscuous_disable",
        "rte_eth_rx_queue_setup",
        "rte_eth_stats_get",
        "rte_eth_tx_done_cleanup",
        "rte_eth_tx_queue_setup",
        "rte_extmem_register",
        "rte_extmem_unregister",
        "rte_flow_create",
        "rte_flow_destroy",
        "rte_mempool_avail_count",
        "rte_mempool_free",
        "rte_mempool_obj_iter",
        "rte_pktmbuf_pool_create",
        "rte_strerror",
        "rte_thread_register",
        "rte_thread_unregister",
        "rte_version",
    ];
    const VARIABLES: &[&str] = &["ADIT_.*", "rte_eth_fp_ops", "RTE_ETH_RETA_GROUP_SIZE"];
    const TYPES: &[&str] = &[
        "rte_flow_item_udp",
        "rte_flow_action_queue",
        "rte_flow_item_type",
        "rte_flow_action_type",
        "rte_mbuf_ext_shared_info",
    ];
    /// Bit fields in packed structures, which Rust cannot lay out.
    const OPAQUE: &[&str] = &[
        "rte_arp_.*",
        "rte_ecpri_.*",
        "rte_flow_item_.*_hdr",
        "rte_gtp.*",
        "rte_l2tpv2_.*",
        "rte_vxlan.*",
        "rte_geneve.*",
        "rte_device",
    ];
}
