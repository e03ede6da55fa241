//! `mutants/table.md`, the tests and the patches agree.
