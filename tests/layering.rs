//! The order of the layers (DESIGN.md section 4), read from the source itself.

use std::path::{Path, PathBuf};

use regex::Regex;

/// From the top down; modules on one line are siblings and do not use each other.
const LAYERS: &[&[&str]] = &[
    &["main"],
    &["cli"],
    &["daemon"],
    &["config"],
    &["source", "schedule", "web"],
    &["intake"],
    &["notice"],
    &["outbox"],
    &["store"],
    &["desk", "money"],
    &["chat"],
    &["channel"],
    &["words"],
    &["account", "mail", "lifecycle"],
    &["clock"],
];
/// Builds what the layers beneath define; only these may import it.
const MAY_USE_CONFIG: &[&str] = &["main", "cli", "daemon"];
const FORBIDDEN_NAMES: &[&str] = &["utils", "util", "helpers", "helper", "common", "types", "models"];
const LONGEST_FILE: usize = 500;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every `.rs` file under `folder`, relative to the project.
fn files(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(root()).unwrap().to_owned(), text));
            }
        }
    }
    found.sort();
    found
}

/// `src/store/lease.rs` and `src/store.rs` are in `store`.
fn module_of(path: &Path) -> String {
    let first = path.components().nth(1).unwrap().as_os_str().to_string_lossy();
    first.strip_suffix(".rs").unwrap_or(&first).to_owned()
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// The modules of this crate that a file names: `crate::x`, `deskd::x` (in main), and the first words in `crate::{x, y::z}`.
fn uses(text: &str) -> Vec<String> {
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .map(|line| line.split(" // ").next().unwrap_or(line))
        .collect::<Vec<_>>()
        .join("\n");
    let plain = Regex::new(r"\b(?:crate|deskd)::([a-z_]+)").unwrap();
    let group = Regex::new(r"\b(?:crate|deskd)::\{").unwrap();
    let mut found: Vec<String> = plain.captures_iter(&code).map(|found| found[1].to_owned()).collect();
    for start in group.find_iter(&code) {
        found.extend(first_words(&code[start.end()..]));
    }
    found.sort();
    found.dedup();
    found
}

/// Of `a, b::{c, d}, e}` the words a, b and e.
fn first_words(group: &str) -> Vec<String> {
    let (mut words, mut word, mut depth, mut path) = (Vec::new(), String::new(), 0, false);
    for character in group.chars() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                words.push(std::mem::take(&mut word));
                path = false;
            }
            ':' if depth == 0 => path = true,
            other if depth == 0 && !path && !other.is_whitespace() => word.push(other),
            _ => {}
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

fn complaint(from: &str, to: &str) -> Option<String> {
    if from == to {
        return None;
    }
    if to == "config" && !MAY_USE_CONFIG.contains(&from) {
        return Some("only cli and daemon import config".to_owned());
    }
    match (layer(from), layer(to)) {
        // Macros, and functions at the root of the crate.
        (_, None) => None,
        (None, _) => Some(format!("{from} is in no layer: add it to LAYERS")),
        (Some(above), Some(below)) if above < below => None,
        (Some(above), Some(below)) if above == below => Some("siblings do not use each other".to_owned()),
        _ => Some("use lines point down".to_owned()),
    }
}

#[test]
fn use_lines_point_one_way() {
    let mut complaints = Vec::new();
    for (path, text) in files("src") {
        let from = module_of(&path);
        if from == "lib" {
            continue;
        }
        for to in uses(&text) {
            if let Some(why) = complaint(&from, &to) {
                complaints.push(format!("{}: {from} uses {to}: {why}", path.display()));
            }
        }
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn every_module_of_the_crate_has_its_layer() {
    for (path, _) in files("src") {
        let module = module_of(&path);
        assert!(module == "lib" || layer(&module).is_some(), "{}: add {module} to LAYERS", path.display());
    }
}

#[test]
fn the_layering_test_itself_sees_what_it_should() {
    let text =
        "use crate::{clock::Clock, store::{Db, Tx},\n words};\n// use crate::cli;\nlet x = crate::web::routes();";
    assert_eq!(uses(text), ["clock", "store", "web", "words"]);
    assert_eq!(complaint("store", "desk"), None);
    assert!(complaint("desk", "store").is_some());
    assert!(complaint("source", "web").is_some());
    assert!(complaint("intake", "config").is_some());
    assert!(complaint("mail", "words").is_some());
    assert_eq!(complaint("mail", "clock"), None);
}

#[test]
fn no_module_has_a_name_that_says_nothing() {
    for (path, _) in files("src") {
        for part in path.with_extension("").components() {
            let part = part.as_os_str().to_string_lossy().into_owned();
            assert!(
                !FORBIDDEN_NAMES.contains(&part.as_str()),
                "{}: call it by what it is in charge of",
                path.display()
            );
        }
    }
}

#[test]
fn every_file_says_in_its_first_line_what_it_is_in_charge_of() {
    for (path, text) in files("src").into_iter().chain(files("tests")) {
        assert!(text.starts_with("//! "), "{} does not begin with a //! sentence", path.display());
    }
}

#[test]
fn no_file_is_longer_than_five_hundred_lines() {
    for (path, text) in files("src").into_iter().chain(files("tests")) {
        let lines = text.lines().count();
        assert!(lines <= LONGEST_FILE, "{} has {lines} lines: split it by what it is in charge of", path.display());
    }
}

#[test]
fn no_test_sleeps_or_looks_again_by_the_clock() {
    // Without the name of a module, so that an import does not hide it; put together so that this file does not find itself.
    let calls = ["sleep", "sleep_until", "interval", "interval_at"].map(|call| format!("{call}("));
    for (path, text) in files("tests") {
        for call in &calls {
            // A client that is slow by the clock is what that test is about; `look` is where all others look.
            let by_the_clock = ["web.rs", "harness/look.rs"].iter().any(|one| path.ends_with(one)) && *call == calls[2];
            let found = text.match_indices(call.as_str()).filter(|(at, _)| {
                let before = text[..*at].chars().next_back();
                !before.is_some_and(|letter| letter.is_alphanumeric() || letter == '_')
            });
            assert!(
                found.count() <= usize::from(by_the_clock),
                "{}: {call}…): wait for a row or a channel instead",
                path.display()
            );
        }
        assert!(!text.contains(&["#[", "ignore"].concat()), "{}: a test that is ignored tests nothing", path.display());
    }
}
