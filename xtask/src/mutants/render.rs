//! A source with all its mutants in it, of which one is chosen at run time.

use std::cmp::Reverse;
use std::ops::Range;

use super::site::{Form, Site};

/// Where a site is in the source that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) number: u32,
    /// The choice between both.
    pub(super) whole: Range<usize>,
    /// What was put there.
    pub(super) mutated: Range<usize>,
}

/// Puts sites of a source into it. Those that lie in others are part of the original there: only one is ever chosen.
pub(super) fn render(source: &str, sites: &[&Site]) -> (String, Vec<Mark>) {
    let mut sites = sites.to_vec();
    sites.sort_by_key(|site| {
        let Range { start, end } = site.found.range;
        (start, start != end, Reverse(end), site.number)
    });
    let mut page = Page {
        source,
        text: String::with_capacity(source.len() * 2),
        marks: Vec::new(),
    };
    page.put(0..source.len(), &sites);
    (page.text, page.marks)
}

struct Page<'a> {
    source: &'a str,
    text: String,
    marks: Vec<Mark>,
}

impl Page<'_> {
    fn put(&mut self, range: Range<usize>, sites: &[&Site]) {
        let mut at = range.start;
        let mut rest = sites;
        while let Some((site, others)) = rest.split_first() {
            let of = site.found.range.clone();
            self.text.push_str(&self.source[at..of.start]);
            let inner = others
                .iter()
                .take_while(|other| other.found.range.start < of.end)
                .count();
            self.choice(site, &others[..inner]);
            at = of.end;
            rest = &others[inner..];
        }
        self.text.push_str(&self.source[at..range.end]);
    }

    fn choice(&mut self, site: &Site, inner: &[&Site]) {
        let start = self.text.len();
        let (open, close) = match site.found.form {
            Form::Expression => ("(", ")"),
            Form::Block => ("{ ", " }"),
            Form::Statement | Form::Entry => ("", ""),
        };
        self.text.push_str(open);
        for part in ["if ::ordu_mutant::is(", &site.number.to_string(), ") { "] {
            self.text.push_str(part);
        }
        let mutated = self.text.len();
        self.text.push_str(&site.found.after);
        let mutated = mutated..self.text.len();
        self.text.push_str(" }");
        if site.found.form != Form::Entry {
            self.text.push_str(" else { ");
            self.put(site.found.range.clone(), inner);
            self.text.push_str(" }");
        }
        self.text.push_str(close);
        self.marks.push(Mark {
            number: site.number,
            whole: start..self.text.len(),
            mutated,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::find;
    use super::*;

    /// The sites of a source whose changes are among these.
    fn sites(source: &str, wanted: &[&str]) -> Vec<Site> {
        let found = find::find(source).unwrap().into_iter();
        let found = found.filter(|found| wanted.contains(&found.after.as_str()));
        let site = |(number, found)| Site {
            number,
            folder: 0,
            file: "a.rs".to_owned(),
            line: 1,
            nth: 0,
            before: String::new(),
            found,
        };
        (1..).zip(found).map(site).collect()
    }

    fn rendered(source: &str, wanted: &[&str]) -> String {
        let sites = sites(source, wanted);
        assert_eq!(sites.len(), wanted.len(), "{sites:?}");
        let (text, marks) = render(source, &sites.iter().collect::<Vec<_>>());
        assert_eq!(marks.len(), sites.len());
        for mark in marks {
            let site = &sites[usize::try_from(mark.number).unwrap() - 1];
            assert_eq!(text[mark.mutated], site.found.after);
            assert!(text[mark.whole].contains(&format!("is({})", mark.number)));
        }
        syn::parse_file(&text).unwrap();
        text
    }

    #[test]
    fn each_form_is_a_choice_at_run_time() {
        let text = rendered("fn f() -> u8 { a < b }", &["a <= b"]);
        assert_eq!(
            text,
            "fn f() -> u8 { (if ::ordu_mutant::is(1) { a <= b } else { a < b }) }"
        );
        let text = rendered("fn f() { g(); }", &[""]);
        assert_eq!(text, "fn f() { if ::ordu_mutant::is(1) {  } else { g(); } }");
        let text = rendered("fn f() { g(); }", &["return;"]);
        assert_eq!(text, "fn f() {if ::ordu_mutant::is(1) { return; } g(); }");
        let text = rendered("fn f() { a.any(|b| -> bool { b }); }", &["true"]);
        assert_eq!(
            text,
            "fn f() { a.any(|b| -> bool { if ::ordu_mutant::is(1) { true } else { { b } } }); }"
        );
    }

    #[test]
    fn a_site_within_another_is_in_its_original_alone() {
        let text = rendered(
            "fn f() -> u8 { a < b && c }",
            &["a < b || c", "(a < b) || c", "a <= b"][1..],
        );
        assert_eq!(
            text,
            "fn f() -> u8 { (if ::ordu_mutant::is(2) { (a < b) || c } else { \
             (if ::ordu_mutant::is(1) { a <= b } else { a < b }) && c }) }"
        );
    }

    #[test]
    fn sites_of_the_same_place_are_asked_one_after_the_other() {
        let text = rendered("fn f() -> u8 { a < b }", &["a <= b", "a > b"]);
        assert_eq!(
            text,
            "fn f() -> u8 { (if ::ordu_mutant::is(1) { a <= b } else { \
             (if ::ordu_mutant::is(2) { a > b } else { a < b }) }) }"
        );
        let text = rendered(
            "fn f() -> bool {g() < h()}",
            &["return true;", "return false;", "g() <= h()"],
        );
        assert!(
            text.starts_with("fn f() -> bool {if ::ordu_mutant::is(1) { return true; }if "),
            "{text}"
        );
    }
}
