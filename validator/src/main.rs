//! `quorate-validator`: see `--help`.

/// Blocks go from thread to thread, and glibc's arenas keep what each of them once needed: `docs/performance.md`, Known walls.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    validator::cli::main()
}
