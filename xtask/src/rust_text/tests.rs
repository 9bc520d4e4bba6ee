//! What counts as code, as comment, as test code.

use super::{RustText, TestFiles, find_words, line_of};
use crate::tree::TextFile;

#[test]
fn a_word_in_a_string_or_comment_is_not_code() {
    let text = RustText::of(
        "let a = \"std::fs\"; // std::env\nlet b = r#\"std::net \"x\" \"#; /* a /* b */ */ let c;\n",
    );
    assert!(!text.code.contains("std::"));
    assert!(text.code.contains("let c;"));
    assert!(text.comments.contains("// std::env"));
    assert!(!text.comments.contains("std::fs"));
}

#[test]
fn lifetimes_and_characters_are_told_apart() {
    let text = RustText::of("fn f<'a>(x: &'a str) -> char { if x == \"\" { '\"' } else { '\\'' } } // end");
    assert!(text.code.contains("fn f<'a>(x: &'a str)"));
    assert!(text.comments.ends_with("// end"));
    assert!(text.code.contains("} else {"));
}

#[test]
fn lines_keep_their_numbers() {
    let source = "//! doc\n\nfn a() {}\n/* x\ny */\nfn b() {}\n";
    let text = RustText::of(source);
    assert_eq!(text.code.lines().count(), source.lines().count());
    let at = text.code.find("fn b").expect("b is code");
    assert_eq!(line_of(&text.code, at), 6);
}

#[test]
fn items_under_cfg_test_are_not_product_code() {
    let source = "fn a() { one(); }\n#[cfg(test)]\nmod tests {\n fn b() { two(); }\n}\nfn c() { three(); }\n#[cfg(test)]\nmod x;\nfn d() {}\n";
    let code = RustText::of(source).code_outside_tests();
    assert!(code.contains("one") && code.contains("three") && code.contains("fn d"));
    assert!(!code.contains("two") && !code.contains("mod x"));
}

#[test]
fn a_word_is_found_whole_only() {
    let found: Vec<_> = find_words("sleepy(); sleep(); asleep(); x::sleep(1)", "sleep(").collect();
    assert_eq!(found, [10, 32]);
}

#[test]
fn files_of_tests_are_known_by_name_or_by_declaration() {
    let file = |path: &str, text: &str| TextFile { path: path.into(), text: text.into() };
    let files = [
        file("a/src/lib.rs", "mod b;\n#[cfg(test)]\nmod world;\n#[cfg(test)]\nmod inline { fn f() {} }\n"),
        file("a/src/b.rs", "#[cfg(test)]\npub(crate) mod fakes;\nmod c;\n"),
        file("a/src/world.rs", ""),
        file("a/src/b/fakes.rs", ""),
        file("a/src/b/fakes/clock.rs", ""),
        file("a/src/b/c.rs", ""),
        file("a/src/b/c/tests.rs", ""),
        file("a/tests/t.rs", ""),
    ];
    let tests = TestFiles::among(&files);
    let found: Vec<_> =
        files.iter().map(|file| file.path.as_str()).filter(|path| tests.contains(path)).collect();
    assert_eq!(
        found,
        [
            "a/src/world.rs",
            "a/src/b/fakes.rs",
            "a/src/b/fakes/clock.rs",
            "a/src/b/c/tests.rs",
            "a/tests/t.rs"
        ]
    );
}
