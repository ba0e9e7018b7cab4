//! The grammar, a parsing expression grammar (Ford 2004) as a recursive descent: the first alternative that fits is taken.
//!
//! Where the original parses the same text again in its next alternative, the result of the first time is used: the language and the refusals
//! are the same, the time is not.

use super::coerce::unquote;
use super::expression::{Expression, Match, Operator};
use super::scan::{BLANK, Cursor, DIGIT, FROM_ONE, LETTER, WORD};
use super::{DEEPEST, FilterError, LONGEST};

/// Parses an expression.
pub(super) fn parse(text: &str) -> Result<Expression, FilterError> {
    if text.len() > LONGEST {
        return Err(FilterError::TooLong(text.len()));
    }
    let mut parser = Parser { cursor: Cursor::new(text), depth: 0, too_deep: false };
    let parsed = parser.whole();
    match parsed {
        _ if parser.too_deep => Err(FilterError::TooDeep),
        Some(expression) if !parser.cursor.has_faults() => Ok(expression),
        Some(_) | None => Err(FilterError::Syntax(parser.cursor.refusal())),
    }
}

struct Parser<'t> {
    cursor: Cursor<'t>,
    depth: usize,
    too_deep: bool,
}

impl<'t> Parser<'t> {
    /// Tries an alternative; goes back where it began if it does not fit.
    fn attempt<T>(&mut self, alternative: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        let from = self.cursor.at();
        let found = alternative(self);
        if found.is_none() {
            self.cursor.back(from);
        }
        found
    }

    /// The same one level deeper.
    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        if self.depth == DEEPEST {
            self.too_deep = true;
            return None;
        }
        self.depth += 1;
        let found = inner(self);
        self.depth -= 1;
        found
    }

    fn whole(&mut self) -> Option<Expression> {
        let grouped = self.attempt(|p| {
            p.blanks();
            p.cursor.text("(").then_some(())?;
            p.blanks();
            let inner = p.deeper(Parser::or)?;
            p.blanks();
            p.cursor.text(")").then_some(())?;
            p.blanks();
            p.cursor.end().then_some(inner)
        });
        grouped.or_else(|| {
            self.blanks();
            let inner = self.or()?;
            self.blanks();
            self.cursor.end().then_some(inner)
        })
    }

    fn or(&mut self) -> Option<Expression> {
        self.list("or", Parser::and, Expression::Or)
    }

    fn and(&mut self) -> Option<Expression> {
        self.list("and", Parser::not, Expression::And)
    }

    fn list(
        &mut self,
        word: &'static str,
        part: fn(&mut Self) -> Option<Expression>,
        joined: fn(Vec<Expression>) -> Expression,
    ) -> Option<Expression> {
        let first = part(self)?;
        let mut parts = vec![first];
        while let Some(next) = self.attempt(|p| p.word(word).then(|| part(p)).flatten()) {
            parts.push(next);
        }
        if parts.len() == 1 { parts.pop() } else { Some(joined(parts)) }
    }

    fn not(&mut self) -> Option<Expression> {
        let negated = self.attempt(|p| {
            (p.cursor.text("not") && p.cursor.many(BLANK)).then_some(())?;
            p.deeper(Parser::not)
        });
        match negated {
            Some(Expression::Not(inner)) => Some(*inner),
            Some(inner) => Some(Expression::Not(Box::new(inner))),
            None => self.group(),
        }
    }

    fn group(&mut self) -> Option<Expression> {
        let from = self.cursor.at();
        let mut unmatched = None;
        if self.cursor.text("(") {
            self.blanks();
            if let Some(inner) = self.deeper(Parser::or) {
                self.blanks();
                if self.cursor.text(")") {
                    return Some(inner);
                }
                unmatched = Some(self.cursor.at());
            }
        }
        self.cursor.back(from);
        let matched = self.matched();
        if let (None, Some(at)) = (&matched, unmatched) {
            self.cursor.fault(at, "grouping", "Unmatched parentheses");
        }
        matched
    }

    fn matched(&mut self) -> Option<Expression> {
        let found = self
            .attempt(|p| {
                let selector = p.selector()?;
                let operator = p.comparison()?;
                Some(Match { selector, operator, value: p.value()? })
            })
            .or_else(|| {
                self.attempt(|p| {
                    let selector = p.selector()?;
                    let operator = p.emptiness()?;
                    Some(Match { selector, operator, value: String::new() })
                })
            })
            .or_else(|| {
                self.attempt(|p| {
                    let value = p.value()?;
                    let operator = p.membership()?;
                    let at = p.cursor.at();
                    let selector = p.selector();
                    if selector.is_none() {
                        p.cursor.fault(at, "match", "Invalid selector");
                    }
                    Some(Match { selector: selector?, operator, value })
                })
            });
        found.map(Expression::Match)
    }

    fn comparison(&mut self) -> Option<Operator> {
        let sign = |p: &mut Self, sign, operator| {
            p.blanks();
            let found = p.cursor.text(sign).then_some(operator);
            p.blanks();
            found
        };
        self.attempt(|p| sign(p, "==", Operator::Equal))
            .or_else(|| self.attempt(|p| sign(p, "!=", Operator::NotEqual)))
            .or_else(|| self.words(&["contains"], Operator::In))
            .or_else(|| self.words(&["not", "contains"], Operator::NotIn))
            .or_else(|| self.words(&["matches"], Operator::Matches))
            .or_else(|| self.words(&["not", "matches"], Operator::NotMatches))
    }

    fn emptiness(&mut self) -> Option<Operator> {
        self.attempt(|p| (p.word("is") && p.cursor.text("empty")).then_some(Operator::IsEmpty)).or_else(|| {
            self.attempt(|p| {
                (p.word("is") && p.cursor.text("not") && p.cursor.many(BLANK) && p.cursor.text("empty")).then_some(Operator::IsNotEmpty)
            })
        })
    }

    fn membership(&mut self) -> Option<Operator> {
        self.words(&["in"], Operator::In).or_else(|| self.words(&["not", "in"], Operator::NotIn))
    }

    /// Words with blanks before, between and behind them.
    fn words(&mut self, words: &[&'static str], operator: Operator) -> Option<Operator> {
        self.attempt(|p| {
            p.cursor.many(BLANK).then_some(())?;
            words.iter().all(|word| p.cursor.text(word) && p.cursor.many(BLANK)).then_some(operator)
        })
    }

    /// A word with blanks before and behind it.
    fn word(&mut self, word: &'static str) -> bool {
        self.cursor.many(BLANK) && self.cursor.text(word) && self.cursor.many(BLANK)
    }

    fn blanks(&mut self) {
        self.cursor.many(BLANK);
    }

    fn selector(&mut self) -> Option<Vec<String>> {
        let mut names = vec![self.identifier()?];
        while let Some(name) = self.attempt(|p| p.cursor.text(".").then(|| p.identifier()).flatten()).or_else(|| self.index()) {
            names.push(name);
        }
        Some(names)
    }

    fn identifier(&mut self) -> Option<String> {
        let from = self.cursor.at();
        self.cursor.one(LETTER).then_some(())?;
        self.cursor.many(WORD);
        Some(self.cursor.since(from).to_owned())
    }

    /// A name in brackets.
    fn index(&mut self) -> Option<String> {
        self.attempt(|p| {
            p.cursor.text("[").then_some(())?;
            p.blanks();
            let from = p.cursor.at();
            let Some(name) = p.string() else {
                p.cursor.fault(from, "index", "Invalid index");
                return None;
            };
            p.blanks();
            if !p.cursor.text("]") {
                p.cursor.fault(p.cursor.at(), "index", "Unclosed index expression");
                return None;
            }
            Some(name)
        })
    }

    fn value(&mut self) -> Option<String> {
        self.attempt(|p| p.selector().map(|names| names.join("."))).or_else(|| self.attempt(Parser::number)).or_else(|| self.string())
    }

    fn number(&mut self) -> Option<String> {
        let from = self.cursor.at();
        self.cursor.text("-");
        if !self.cursor.text("0") {
            self.cursor.one(FROM_ONE).then_some(())?;
            self.cursor.many(DIGIT);
        }
        self.attempt(|p| (p.cursor.text(".") && p.cursor.many(DIGIT)).then_some(()));
        let to = self.cursor.at();
        let number = self.cursor.since(from).to_owned();
        let ends = self.cursor.one(BLANK) || self.cursor.end() || self.cursor.text(")");
        self.cursor.back(to);
        if !ends {
            self.cursor.fault(to, "number", "Invalid number literal");
        }
        ends.then_some(number)
    }

    /// Text in quotes or backticks.
    fn string(&mut self) -> Option<String> {
        let from = self.cursor.at();
        let mark = ["`", "\""].into_iter().find(|mark| self.cursor.text(mark))?;
        self.cursor.until(mark);
        if !self.cursor.text(mark) {
            self.cursor.fault(self.cursor.at(), "string", "Unterminated string literal");
            self.cursor.back(from);
            return None;
        }
        let text = unquote(self.cursor.since(from));
        if text.is_none() {
            self.cursor.fault(from, "string", "invalid syntax");
        }
        // A text with a bad escape is a text all the same: the parser goes on and may find more.
        Some(text.unwrap_or_default())
    }
}
