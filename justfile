# What a developer types; `just` lists it.

_list:
    @just --list --unsorted

# format, lints and tests, as the CI does it
check:
    .ci/run

# the tests, or those whose name contains FILTER
test *FILTER:
    tests/run {{FILTER}}

# a whole desk in a fresh folder, to play with
demo:
    cargo run -- demo

# the kill test with N kills
kill N="200":
    tests/run --kills {{N}} kill

# the figures
bench *ARGS:
    cargo bench {{ARGS}}

# licences, advisories, and what must not be in the tree (cargo install cargo-deny)
deny:
    cargo deny check
