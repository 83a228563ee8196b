//! Finds what can be changed in a source.
//!
//! Left alone are tests, patterns, constants, types, attributes, the arguments of macros, what is written for people
//! (`Debug`, `Display`), and what asks for a planted bug.

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::ops::Range;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Block, Expr, Pat, ReturnType, Signature, Stmt, Type};

use super::change;
use super::site::{Form, Found};

/// All that can be changed in a source, in its order.
pub(super) fn find(source: &str) -> Result<Vec<Found>, String> {
    let file = syn::parse_file(source).map_err(|error| error.to_string())?;
    let mut finder = Finder {
        source,
        path: Vec::new(),
        found: Vec::new(),
        seen: HashSet::new(),
    };
    finder.visit_file(&file);
    let mut found = finder.found;
    found.sort_by_key(|found| (found.range.start, found.range.end));
    Ok(found)
}

/// The modules that a source declares for tests alone.
pub(super) fn test_modules(source: &str) -> Result<Vec<String>, String> {
    let file = syn::parse_file(source).map_err(|error| error.to_string())?;
    let modules = file.items.iter().filter_map(|item| match item {
        syn::Item::Mod(module) if is_left_out(&module.attrs) => Some(module.ident.to_string()),
        _ => None,
    });
    Ok(modules.collect())
}

/// Whether something is not part of what is built, or only for tests.
fn is_left_out(attrs: &[Attribute]) -> bool {
    attrs.iter().any(|attr| {
        let is_serde = || match &attr.meta {
            syn::Meta::List(list) => list.tokens.to_string() == "feature = \"serde\"",
            _ => false,
        };
        attr.path().is_ident("test") || attr.path().is_ident("cfg") && !is_serde()
    })
}

/// Walks over a source.
pub(super) struct Finder<'a> {
    source: &'a str,
    /// The types and functions around.
    path: Vec<String>,
    found: Vec<Found>,
    seen: HashSet<(Range<usize>, String)>,
}

impl Finder<'_> {
    /// The text of a part of the syntax.
    pub(super) fn text(&self, of: &impl Spanned) -> &str {
        &self.source[of.span().byte_range()]
    }

    /// Everything before a part of a whole, something else, and everything behind it.
    pub(super) fn replaced(&self, whole: &impl Spanned, part: &impl Spanned, by: &str) -> String {
        let (whole, part) = (whole.span().byte_range(), part.span().byte_range());
        let before = &self.source[whole.start..part.start];
        format!("{before}{by}{}", &self.source[part.end..whole.end])
    }

    /// Notes a change of a part of the syntax.
    pub(super) fn change(&mut self, operator: &'static str, of: &impl Spanned, after: &str, form: Form) {
        self.note(operator, of.span().byte_range(), after, form);
    }

    fn note(&mut self, operator: &'static str, range: Range<usize>, after: &str, form: Form) {
        let before = &self.source[range.clone()];
        let is_none = before == after && form != Form::Entry;
        if is_none || before.contains("planted.is(") || !self.seen.insert((range.clone(), after.to_owned())) {
            return;
        }
        self.found.push(Found {
            operator,
            range,
            after: after.to_owned(),
            form,
            function: self.path.join("::"),
        });
    }

    /// A condition: negated, and as if it were always or never so.
    pub(super) fn condition(&mut self, condition: &Expr, may_be_forever: bool) {
        for part in change::without_let(condition) {
            if may_be_forever {
                self.change("condition", part, "true", Form::Expression);
            }
            self.change("condition", part, "false", Form::Expression);
            // The negation of these is a change of their own.
            if !change::has_opposite(part) {
                let negated = format!("!({})", self.text(part));
                self.change("condition", part, &negated, Form::Expression);
            }
        }
    }

    fn function(&mut self, attrs: &[Attribute], signature: &Signature, block: &Block) {
        if is_left_out(attrs) || signature.constness.is_some() || signature.asyncness.is_some() {
            return;
        }
        self.path.push(signature.ident.to_string());
        let is_bare = |attr: &Attribute| matches!(attr.style, syn::AttrStyle::Outer);
        if !block.stmts.is_empty() && attrs.iter().all(is_bare) {
            self.returns(signature, block);
        }
        self.visit_block(block);
        self.path.pop();
    }

    /// A function that returns at once.
    fn returns(&mut self, signature: &Signature, block: &Block) {
        let values: &[&str] = match &signature.output {
            ReturnType::Default => &[""],
            ReturnType::Type(_, returned) => match &**returned {
                Type::Path(path) => match path.path.segments.last() {
                    Some(last) if last.ident == "bool" => &["true", "false"],
                    Some(last) if last.ident == "Option" => &["None"],
                    _ => &[],
                },
                _ => &[],
            },
        };
        let open = block.brace_token.span.open().byte_range();
        let close = block.brace_token.span.close().byte_range();
        let body = self.source[open.end..close.start].trim();
        for value in values.iter().filter(|value| **value != body) {
            let after = format!("return {value}").trim_end().to_owned() + ";";
            self.note("early return", open.end..open.end, &after, Form::Entry);
        }
    }
}

/// Whether an expression is a question for a planted bug, which is never there.
fn is_planted(expr: &Expr) -> bool {
    match expr {
        Expr::MethodCall(call) => match &*call.receiver {
            Expr::Field(field) => {
                let is_planted = matches!(&field.member, syn::Member::Named(name) if name == "planted");
                is_planted && call.method == "is"
            }
            Expr::Path(path) => path.path.is_ident("planted") && call.method == "is",
            _ => false,
        },
        Expr::Binary(binary) if matches!(binary.op, syn::BinOp::And(_)) => {
            is_planted(&binary.left) || is_planted(&binary.right)
        }
        Expr::Paren(paren) => is_planted(&paren.expr),
        _ => false,
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_attribute(&mut self, _: &'ast Attribute) {}
    fn visit_macro(&mut self, _: &'ast syn::Macro) {}
    fn visit_pat(&mut self, _: &'ast Pat) {}
    fn visit_type(&mut self, _: &'ast Type) {}
    fn visit_generics(&mut self, _: &'ast syn::Generics) {}
    fn visit_angle_bracketed_generic_arguments(&mut self, _: &'ast syn::AngleBracketedGenericArguments) {}
    fn visit_variant(&mut self, _: &'ast syn::Variant) {}
    fn visit_item_const(&mut self, _: &'ast syn::ItemConst) {}
    fn visit_item_static(&mut self, _: &'ast syn::ItemStatic) {}
    fn visit_impl_item_const(&mut self, _: &'ast syn::ImplItemConst) {}
    fn visit_trait_item_const(&mut self, _: &'ast syn::TraitItemConst) {}
    fn visit_expr_const(&mut self, _: &'ast syn::ExprConst) {}

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_left_out(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.attrs, &item.sig, &item.block);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.attrs, &item.sig, &item.block);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.attrs, &item.sig, block);
        }
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        if !is_left_out(&item.attrs) {
            self.path.push(item.ident.to_string());
            visit::visit_item_trait(self, item);
            self.path.pop();
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        let of_trait = item.trait_.as_ref().and_then(|(path, _)| path.segments.last());
        let is_for_people = of_trait.is_some_and(|last| last.ident == "Debug" || last.ident == "Display");
        if is_left_out(&item.attrs) || is_for_people {
            return;
        }
        let name = match &*item.self_ty {
            Type::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
            _ => None,
        };
        self.path.push(name.unwrap_or_else(|| "_".to_owned()));
        visit::visit_item_impl(self, item);
        self.path.pop();
    }

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        // An attribute: perhaps it is not built at all.
        if self.text(statement).starts_with('#') {
            return;
        }
        if let Stmt::Expr(expr, Some(_)) = statement
            && let Some(operator) = change::left_out(expr)
        {
            self.change(operator, statement, "", Form::Statement);
        }
        visit::visit_stmt(self, statement);
    }

    fn visit_arm(&mut self, arm: &'ast syn::Arm) {
        if is_left_out(&arm.attrs) {
            return;
        }
        if let Pat::Guard(pattern) = &arm.pat {
            if is_planted(&pattern.guard) {
                return;
            }
            self.condition(&pattern.guard, true);
            self.visit_expr(&pattern.guard);
        }
        self.visit_expr(&arm.body);
    }

    fn visit_expr(&mut self, expr: &'ast Expr) {
        if is_planted(expr) || self.text(expr).starts_with('#') {
            return;
        }
        match expr {
            Expr::Binary(binary) => self.binary(binary),
            Expr::Unary(unary) => self.unary(unary),
            Expr::Lit(literal) => self.literal(literal),
            Expr::MethodCall(call) => self.method(call),
            Expr::While(repeated) => self.condition(&repeated.cond, false),
            Expr::If(branches) if is_planted(&branches.cond) => {
                if let Some((_, otherwise)) = &branches.else_branch {
                    self.visit_expr(otherwise);
                }
                return;
            }
            Expr::If(branches) => self.condition(&branches.cond, true),
            // Its length is a constant.
            Expr::Repeat(repeat) => return self.visit_expr(&repeat.expr),
            _ => {}
        }
        visit::visit_expr(self, expr);
    }
}
