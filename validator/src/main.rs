//! `quorate-validator`: see `--help`.

fn main() -> std::process::ExitCode {
    validator::cli::main()
}
