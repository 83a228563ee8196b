use super::*;

/// What can be changed in the body of a function, and into what, without what every function has.
fn changes(body: &str) -> Vec<(String, String)> {
    of(&format!("fn f(&self) -> u8 {{ {body} }}"))
}

fn of(source: &str) -> Vec<(String, String)> {
    let found = find(source).unwrap();
    let texts = found.iter().map(|found| {
        let before = source[found.range.clone()].to_owned();
        (before, found.after.clone())
    });
    texts.collect()
}

fn pairs(changes: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(before, after): &(&str, &str)| ((*before).to_owned(), (*after).to_owned());
    changes.iter().map(owned).collect()
}

#[track_caller]
fn assert_changes(body: &str, expected: &[(&str, &str)]) {
    let (mut found, mut expected) = (changes(body), pairs(expected));
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn comparisons_include_or_exclude_the_border_or_are_turned_round() {
    assert_changes("a < b", &[("a < b", "a <= b"), ("a < b", "a > b")]);
    assert_changes("a <= b", &[("a <= b", "a < b")]);
    assert_changes("a > b", &[("a > b", "a >= b"), ("a > b", "a < b")]);
    assert_changes("a >= b", &[("a >= b", "a > b")]);
    assert_changes("a == b", &[("a == b", "a != b")]);
    assert_changes("a != b", &[("a != b", "a == b")]);
    assert_changes(
        "x as u8 > b",
        &[
            ("x as u8 > b", "(x as u8) >= b"),
            ("x as u8 > b", "(x as u8) < b"),
        ],
    );
}

#[test]
fn and_is_or_whatever_is_around_it() {
    assert_changes("a && b", &[("a && b", "a || b")]);
    assert_changes(
        "a || b || c",
        &[("a || b || c", "(a || b) && c"), ("a || b", "a && b")],
    );
    assert_changes("!a", &[("!a", "a")]);
}

#[test]
fn sums_and_products_are_the_opposite() {
    assert_changes("a + b", &[("a + b", "a - b")]);
    assert_changes("a - b", &[("a - b", "a + b")]);
    assert_changes("a * b", &[("a * b", "a / b")]);
    assert_changes("x(a += b)", &[("a += b", "a -= b")]);
}

#[test]
fn numbers_are_one_more_and_nothing() {
    assert_changes("5_u8", &[("5_u8", "6u8"), ("5_u8", "0u8")]);
    assert_changes("0", &[("0", "1")]);
    assert_changes("a.0 + 1.5", &[("a.0 + 1.5", "a.0 - 1.5")]);
}

#[test]
fn conditions_are_negated_or_always_or_never_so() {
    assert_changes(
        "if a() { b } else { c }",
        &[("a()", "true"), ("a()", "false"), ("a()", "!(a())")],
    );
    assert_changes(
        "if !a { b } else { c }",
        &[("!a", "true"), ("!a", "false"), ("!a", "a")],
    );
    let is_some = [
        ("a.is_some()", "true"),
        ("a.is_some()", "false"),
        ("a.is_some()", "a.is_none()"),
    ];
    assert_changes("if a.is_some() { b } else { c }", &is_some);
    // One that is never left would only hang.
    assert_changes("while a() {}", &[("a()", "false"), ("a()", "!(a())")]);
    let guard = [("c()", "true"), ("c()", "false"), ("c()", "!(c())")];
    assert_changes("match a { b if c() => d, e => f }", &guard);
}

#[test]
fn of_a_chain_of_lets_only_the_conditions_are_changed() {
    assert_changes("if let Some(a) = b { c } else { d }", &[]);
    assert_changes(
        "if let Some(a) = b && c() { d } else { e }",
        &[("c()", "true"), ("c()", "false"), ("c()", "!(c())")],
    );
}

#[test]
fn methods_are_swapped() {
    let swaps = [
        ("any", "all"),
        ("min", "max"),
        ("is_some", "is_none"),
        ("min_by_key", "max_by_key"),
        ("first", "last"),
        ("pop_front", "pop_back"),
        ("saturating_add", "saturating_sub"),
    ];
    for (one, other) in swaps {
        let (one, other) = (format!("a.{one}(b)"), format!("a.{other}(b)"));
        assert!(changes(&one).contains(&(one.clone(), other.clone())), "{one}");
        assert!(changes(&other).contains(&(other.clone(), one.clone())), "{other}");
    }
    assert!(changes("a.saturating_sub(b)").contains(&("a.saturating_sub(b)".to_owned(), "a".to_owned())));
}

#[test]
fn adaptors_do_nothing() {
    assert_changes("a.skip(n)", &[("n", "0")]);
    assert_changes("a.take(n)", &[("n", "usize::MAX")]);
    assert_changes("a.take()", &[]);
    assert_changes("a.filter(|b| b.c())", &[("b.c()", "true"), ("b.c()", "false")]);
    // What it says is not known to be a bool.
    assert_changes("a.map(|b| b.c())", &[]);
    assert_changes("a.filter(c)", &[]);
}

#[test]
fn statements_are_left_out() {
    assert_changes("g(h); a", &[("g(h);", "")]);
    assert_changes("self.g()?; a", &[("self.g()?;", "")]);
    assert_changes("a = b; c", &[("a = b;", "")]);
    assert_changes("a += b; c", &[("a += b;", ""), ("a += b", "a -= b")]);
    assert_changes("a.shrink_to_fit(); let b = c(); return d;", &[]);
}

#[test]
fn functions_return_at_once() {
    let entry = |after: &str| (String::new(), after.to_owned());
    assert_eq!(
        of("fn f() -> bool { a() }"),
        [entry("return true;"), entry("return false;")]
    );
    assert_eq!(of("fn f() -> bool { true }"), [entry("return false;")]);
    assert_eq!(of("fn f() -> Option<u8> { a() }"), [entry("return None;")]);
    assert_eq!(of("fn f() { a() }"), [entry("return;")]);
    assert!(of("fn f() {}").is_empty());
    assert!(of("fn f() -> u8 { a() }").is_empty());
}

#[test]
fn tests_patterns_and_constants_are_left_alone() {
    let sources = [
        "const A: u8 = 1 + 2;",
        "static A: u8 = 1 + 2;",
        "const fn f() -> bool { 1 < 2 }",
        "enum A { B = 1 }",
        "struct A([u8; 4]);",
        "fn f() -> u8 { const A: u8 = 1; A }",
        "fn f() -> u8 { [a; 4] }",
        "fn f() -> u8 { match a { 1 | 2..=3 => b, _ => c } }",
        "fn f() -> u8 { matches!(a, b if c < d) }",
        "fn f() -> u8 { debug_assert!(a < 2); b }",
        "fn f() -> u8 { a::<4>() }",
        "#[test] fn f() { a(1); }",
        "#[cfg(test)] fn f() { a(1); }",
        "#[cfg(test)] mod tests { fn f() { a(1); } }",
        "impl A { #[cfg(feature = \"planted-bugs\")] fn f() { a(1); } }",
        "impl fmt::Debug for A { fn fmt() { a(1); } }",
        "impl Display for A { fn fmt() { a(1); } }",
        "fn f() -> u8 { #[cfg(test)] a(1); b }",
    ];
    for source in sources {
        assert_eq!(of(source), [], "{source}");
    }
    assert!(!of("#[cfg(feature = \"serde\")] fn f() { a(1); }").is_empty());
}

#[test]
fn what_asks_for_a_planted_bug_is_left_alone() {
    assert_changes("self.planted.is(Bug::A) && b < c", &[]);
    assert_changes("if self.planted.is(Bug::A) { b(1) } else { c }", &[]);
    assert_changes("if b && !self.planted.is(Bug::A) { c } else { d }", &[]);
    assert_changes("!b || self.planted.is(Bug::A) && c(1)", &[("!b", "b")]);
}

#[test]
fn a_change_knows_its_function() {
    let found = find("impl<T> A<T> { fn f() { g(); } } fn h() -> u8 { 1 }").unwrap();
    let functions: Vec<_> = found.iter().map(|found| found.function.as_str()).collect();
    assert_eq!(functions, ["A::f", "A::f", "h", "h"]);
}
