//! HCL 1, the language of Consul's `.hcl` files (github.com/hashicorp/hcl, branch hcl1).
//!
//! Not HCL 2, which Terraform made common and the crates parse: that refuses quoted keys (`"server" = true`), several items on a line
//! (`ports { http = 8500 dns = 8600 }`) and commas between items, all of which stand in files that load in Consul.

use super::hcl_lexer::{Lexer, Token};
use super::tree::{Object, Tree};

/// Blocks and lists may nest this deep; deeper is refused.
const DEPTH: usize = 32;

/// Parses a file. The error says line, column and what is wrong.
pub(super) fn parse(text: &str) -> Result<Object, String> {
    let mut parser = Parser { lexer: Lexer::new(text), token: Token::End, place: String::new(), depth: 0 };
    parser.advance()?;
    let object = parser.items()?;
    match &parser.token {
        Token::End => Ok(object),
        other => parser.expected("a key", &other.clone()),
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    token: Token,
    place: String,
    depth: usize,
}

impl Parser<'_> {
    fn advance(&mut self) -> Result<Token, String> {
        let (next, place) = self.lexer.next()?;
        self.place = place;
        Ok(std::mem::replace(&mut self.token, next))
    }

    fn expected<T>(&self, what: &str, found: &Token) -> Result<T, String> {
        let found = match found {
            Token::Word(word) => format!("{word:?}"),
            Token::Text(text) => format!("the string {text:?}"),
            Token::Int(n) => n.to_string(),
            Token::Float(x) => x.to_string(),
            Token::Mark(mark) => format!("{mark:?}"),
            Token::End => "the end".to_owned(),
        };
        Err(format!("{}: expected {what}, found {found}", self.place))
    }

    fn nested<T>(&mut self, inner: fn(&mut Self) -> Result<T, String>) -> Result<T, String> {
        if self.depth == DEPTH {
            return Err(format!("{}: nested deeper than {DEPTH} levels", self.place));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    /// Items up to the end of the block, a comma or nothing between them.
    fn items(&mut self) -> Result<Object, String> {
        let mut object = Object::new();
        loop {
            match &self.token {
                Token::Word(_) | Token::Text(_) => self.item(&mut object)?,
                Token::Int(_) | Token::Float(_) | Token::Mark(_) | Token::End => return Ok(object),
            }
            if self.token == Token::Mark(',') {
                self.advance()?;
            }
        }
    }

    /// `key = value`, `key { ... }` or `key "label" { ... }`, a label being one more level.
    fn item(&mut self, object: &mut Object) -> Result<(), String> {
        let mut keys = Vec::new();
        loop {
            match self.token.clone() {
                Token::Word(key) | Token::Text(key) if keys.len() < DEPTH => keys.push(key),
                Token::Mark('=') if keys.len() == 1 => {
                    self.advance()?;
                    let value = self.nested(Self::value)?;
                    Tree::put(object, keys.remove(0), value);
                    return Ok(());
                }
                Token::Mark('{') => {
                    let block = self.nested(Self::block)?;
                    let key = keys.remove(0);
                    let labelled = |inner, label| Tree::Object(Object::from([(label, inner)]));
                    Tree::put(object, key, keys.into_iter().rev().fold(Tree::Object(block), labelled));
                    return Ok(());
                }
                other => return self.expected("= or {", &other),
            }
            self.advance()?;
        }
    }

    fn block(&mut self) -> Result<Object, String> {
        self.advance()?;
        let object = self.items()?;
        match self.token.clone() {
            Token::Mark('}') => self.advance().map(|_| object),
            other => self.expected("a key or }", &other),
        }
    }

    fn value(&mut self) -> Result<Tree, String> {
        match self.token.clone() {
            Token::Mark('{') => Ok(Tree::Object(self.block()?)),
            Token::Mark('[') => self.list(),
            Token::Word(word) if word == "true" || word == "false" => {
                self.advance()?;
                Ok(Tree::Bool(word == "true"))
            }
            Token::Text(text) => self.scalar(Tree::Text(text)),
            Token::Int(n) => self.scalar(Tree::Int(n)),
            Token::Float(x) => self.scalar(Tree::Float(x)),
            other @ (Token::Word(_) | Token::Mark(_) | Token::End) => self.expected("a value", &other),
        }
    }

    fn scalar(&mut self, value: Tree) -> Result<Tree, String> {
        self.advance()?;
        Ok(value)
    }

    fn list(&mut self) -> Result<Tree, String> {
        self.advance()?;
        let mut items = Vec::new();
        loop {
            if self.token == Token::Mark(']') {
                return self.scalar(Tree::List(items));
            }
            items.push(self.nested(Self::value)?);
            match &self.token {
                Token::Mark(',') => drop(self.advance()?),
                Token::Mark(']') => {}
                other => return self.expected(", or ]", &other.clone()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::Tree;
    use super::parse;
    use proptest::prelude::*;

    fn same(hcl: &str, json: &str) {
        assert_eq!(parse(hcl), Tree::from_json(json), "{hcl}");
    }

    #[test]
    fn the_forms_operators_write_are_read() {
        same("\"server\" = true", r#"{"server": true}"#);
        same("ports { http = 8500 dns = -1 }", r#"{"ports": {"http": 8500, "dns": -1}}"#);
        same("ports = { http = 0x10, dns = 1.5 }", r#"{"ports": {"http": 16, "dns": 1.5}}"#);
        same("# a\n// b\n/* c */ retry_join = [\"a\", \"b\",]", r#"{"retry_join": ["a", "b"]}"#);
        same("service \"web\" { port = 80 }", r#"{"service": {"web": {"port": 80}}}"#);
        same("a {} b = \"x\\ty\"", r#"{"a": {}, "b": "x\ty"}"#);
        same("a = <<EOT\n  x\n y\nEOT\nb = <<-EOT\n  x\n   y\n  EOT\n", r#"{"a": "  x\n y\n", "b": "x\n y\n"}"#);
        same(r#"bind_addr = "{{ GetInterfaceIP \"eth0\" }}""#, r#"{"bind_addr": "{{ GetInterfaceIP \"eth0\" }}"}"#);
        same(r#"a = "${x("y")}""#, r#"{"a": "${x(\"y\")}"}"#);
        same("", "");
    }

    #[test]
    fn repeated_blocks_become_a_list() {
        same("check { a = 1 }\ncheck { a = 2 }\ncheck { a = 3 }", r#"{"check": [{"a": 1}, {"a": 2}, {"a": 3}]}"#);
    }

    #[test]
    fn a_mistake_is_told_with_its_place() {
        for (text, error) in [
            ("server = ", "line 1, column 10: expected a value, found the end"),
            ("a = 1\nserver true", "line 2, column 12: expected = or {, found the end"),
            ("ports {\n http = 1", "line 2, column 10: expected a key or }, found the end"),
            ("a = yes", "line 1, column 5: expected a value, found \"yes\""),
            ("a = \"x", "line 1, column 5: string not closed"),
            ("a = [1 2]", "line 1, column 8: expected , or ], found 2"),
            ("}", "line 1, column 1: expected a key, found '}'"),
            ("a = 1x", "line 1, column 5: \"1x\" is not a number"),
        ] {
            assert_eq!(parse(text), Err(error.to_owned()), "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_rather_than_followed() {
        assert!(parse(&format!("a = {}", "[".repeat(100_000))).unwrap_err().contains("nested deeper"));
        assert!(parse(&"a {".repeat(100_000)).unwrap_err().contains("nested deeper"));
        assert!(parse(&"a ".repeat(100_000)).is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "([a-z{}=\\[\\],\"<\\\\$#/*\\n -]|EOT|0x|\\PC)*") {
            let _ = parse(&text);
        }
    }
}
