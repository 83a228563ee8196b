//! What an expression can be changed into.

use syn::{BinOp, Expr, UnOp};

use super::find::Finder;
use super::site::Form;

/// Methods that stand for each other.
const SWAPS: &[(&str, &str)] = &[
    ("any", "all"),
    ("min", "max"),
    ("min_by", "max_by"),
    ("min_by_key", "max_by_key"),
    ("first", "last"),
    ("first_key_value", "last_key_value"),
    ("pop_first", "pop_last"),
    ("front", "back"),
    ("pop_front", "pop_back"),
    ("push_front", "push_back"),
    ("is_some", "is_none"),
    ("is_ok", "is_err"),
    ("is_some_and", "is_none_or"),
    ("saturating_add", "saturating_sub"),
    ("wrapping_add", "wrapping_sub"),
];

/// Methods whose only argument says of something whether it is so.
const PREDICATES: &[&str] = &[
    "all",
    "any",
    "filter",
    "find",
    "is_err_and",
    "is_none_or",
    "is_ok_and",
    "is_some_and",
    "partition",
    "position",
    "retain",
    "skip_while",
    "take_while",
];

/// Without these nothing else happens, only slower or with more memory.
const WITHOUT_EFFECT: &[&str] = &["drop", "reserve", "shrink_to", "shrink_to_fit"];

impl Finder<'_> {
    pub(super) fn binary(&mut self, binary: &syn::ExprBinary) {
        let (operator, others): (_, &[&str]) = match binary.op {
            BinOp::Lt(_) => ("comparison", &["<=", ">"]),
            BinOp::Le(_) => ("comparison", &["<"]),
            BinOp::Gt(_) => ("comparison", &[">=", "<"]),
            BinOp::Ge(_) => ("comparison", &[">"]),
            BinOp::Eq(_) => ("comparison", &["!="]),
            BinOp::Ne(_) => ("comparison", &["=="]),
            BinOp::Add(_) => ("arithmetic", &["-"]),
            BinOp::Sub(_) => ("arithmetic", &["+"]),
            BinOp::Mul(_) => ("arithmetic", &["/"]),
            BinOp::Div(_) => ("arithmetic", &["*"]),
            BinOp::AddAssign(_) => ("arithmetic", &["-="]),
            BinOp::SubAssign(_) => ("arithmetic", &["+="]),
            BinOp::And(_) => ("logic", &["||"]),
            BinOp::Or(_) => ("logic", &["&&"]),
            _ => return,
        };
        if has_let(&binary.left) || has_let(&binary.right) {
            return;
        }
        for other in others {
            let after = if operator == "arithmetic" {
                self.replaced(binary, &binary.op, other)
            } else {
                // What binds weaker than the other operator, or ends in what a `<` would go on.
                let side = |side: &Expr| match side {
                    Expr::Binary(_) | Expr::Cast(_) => format!("({})", self.text(side)),
                    _ => self.text(side).to_owned(),
                };
                format!("{} {other} {}", side(&binary.left), side(&binary.right))
            };
            self.change(operator, binary, &after, Form::Expression);
        }
    }

    pub(super) fn unary(&mut self, unary: &syn::ExprUnary) {
        if matches!(unary.op, UnOp::Not(_)) {
            let after = self.text(&unary.expr).to_owned();
            self.change("not", unary, &after, Form::Expression);
        }
    }

    /// A number: one more, and none.
    pub(super) fn literal(&mut self, literal: &syn::ExprLit) {
        let syn::Lit::Int(number) = &literal.lit else {
            return;
        };
        let Ok(value) = number.base10_parse::<u128>() else {
            return;
        };
        for other in [value.saturating_add(1), 0] {
            if other != value {
                let after = format!("{other}{}", number.suffix());
                self.change("literal", literal, &after, Form::Expression);
            }
        }
    }

    pub(super) fn method(&mut self, call: &syn::ExprMethodCall) {
        let method = call.method.to_string();
        for (one, other) in SWAPS {
            let swapped = match method.as_str() {
                name if name == *one => other,
                name if name == *other => one,
                _ => continue,
            };
            let after = self.replaced(call, &call.method, swapped);
            self.change("method", call, &after, Form::Expression);
        }
        if method == "saturating_sub" {
            let after = self.text(&call.receiver).to_owned();
            self.change("method", call, &after, Form::Expression);
        }
        let [argument] = call.args.iter().collect::<Vec<_>>()[..] else {
            return;
        };
        match (method.as_str(), argument) {
            ("skip", _) => self.change("adaptor", argument, "0", Form::Expression),
            ("take", _) => self.change("adaptor", argument, "usize::MAX", Form::Expression),
            (name, Expr::Closure(closure)) if PREDICATES.contains(&name) => {
                let form = match closure.output {
                    syn::ReturnType::Default => Form::Expression,
                    syn::ReturnType::Type(..) => Form::Block,
                };
                for value in ["true", "false"] {
                    self.change("closure", &closure.body, value, form);
                }
            }
            _ => {}
        }
    }
}

/// What a statement that can be left out is called.
pub(super) fn left_out(expr: &Expr) -> Option<&'static str> {
    match expr {
        Expr::Try(tried) => left_out(&tried.expr),
        Expr::Call(call) => {
            let name = match &*call.func {
                Expr::Path(path) => path.path.segments.last().map(|last| last.ident.to_string()),
                _ => None,
            };
            let is_idle = name.is_some_and(|name| WITHOUT_EFFECT.contains(&name.as_str()));
            (!is_idle).then_some("statement")
        }
        Expr::MethodCall(call) => {
            let is_idle = WITHOUT_EFFECT.contains(&call.method.to_string().as_str());
            (!is_idle).then_some("statement")
        }
        Expr::Assign(_) => Some("assignment"),
        Expr::Binary(binary) => match binary.op {
            BinOp::AddAssign(_)
            | BinOp::SubAssign(_)
            | BinOp::MulAssign(_)
            | BinOp::DivAssign(_)
            | BinOp::BitAndAssign(_)
            | BinOp::BitOrAssign(_)
            | BinOp::BitXorAssign(_) => Some("assignment"),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a condition is a `let`, or a chain with one.
fn has_let(condition: &Expr) -> bool {
    match condition {
        Expr::Let(_) => true,
        Expr::Binary(binary) => {
            matches!(binary.op, BinOp::And(_)) && (has_let(&binary.left) || has_let(&binary.right))
        }
        _ => false,
    }
}

/// A condition, or where it is a chain of `let`s what is no `let` in it.
pub(super) fn without_let(condition: &Expr) -> Vec<&Expr> {
    match condition {
        Expr::Let(_) => Vec::new(),
        Expr::Binary(binary) if has_let(condition) => {
            let mut parts = without_let(&binary.left);
            parts.extend(without_let(&binary.right));
            parts
        }
        _ => vec![condition],
    }
}

/// Whether the opposite of a condition is what another change makes of it.
pub(super) fn has_opposite(condition: &Expr) -> bool {
    match condition {
        Expr::Unary(unary) => matches!(unary.op, UnOp::Not(_)),
        Expr::Binary(binary) => matches!(binary.op, BinOp::Eq(_) | BinOp::Ne(_)),
        Expr::MethodCall(call) => {
            let opposites = ["is_some", "is_none", "is_ok", "is_err"];
            opposites.iter().any(|opposite| call.method == opposite)
        }
        Expr::Paren(paren) => has_opposite(&paren.expr),
        _ => false,
    }
}
