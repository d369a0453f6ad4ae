//! The page as a PDF: black on white, large print, the fonts that every reader has.

use super::Line;
use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, Str};

/// A4, in points.
const PAGE: (f32, f32) = (595.0, 842.0);
const MARGIN: f32 = 56.0;
/// Octets of a line of ordinary text that fit between the margins.
const WIDTH: usize = 72;

/// A size, the space above, how far in, and whether it is bold.
struct Style {
    size: f32,
    above: f32,
    inset: f32,
    bold: bool,
}

const TITLE: Style = Style { size: 20.0, above: 0.0, inset: 0.0, bold: true };
const HEADING: Style = Style { size: 14.0, above: 14.0, inset: 0.0, bold: true };
const TEXT: Style = Style { size: 13.0, above: 4.0, inset: 0.0, bold: false };
const INNER: Style = Style { size: 13.0, above: 4.0, inset: 14.0, bold: false };
const MORE: Style = Style { size: 13.0, above: 0.0, inset: 28.0, bold: false };

/// One page, or more if it must be; `None` if a letter is not in Windows-1252.
pub(super) fn page(lines: &[Line]) -> Option<Vec<u8>> {
    let mut pages = vec![Content::new()];
    let mut y = PAGE.1 - MARGIN;
    let mut step = 0;
    for line in lines {
        let (style, text) = match line {
            Line::Title(text) => (TITLE, text.clone()),
            Line::Heading(text) => (HEADING, text.clone()),
            Line::Text(text) => (TEXT, text.clone()),
            Line::Step(text) => {
                step += 1;
                (INNER, format!("{step}. {text}"))
            }
            Line::Item(text) => (INNER, format!("[  ] {text}")),
        };
        y -= style.above;
        for (at, row) in rows(&text).iter().enumerate() {
            let style = if at > 0 && style.inset > 0.0 { &MORE } else { &style };
            y -= style.size * 1.3;
            if y < MARGIN {
                pages.push(Content::new());
                y = PAGE.1 - MARGIN - style.size * 1.3;
            }
            write(pages.last_mut()?, style, y, &encode(row)?);
        }
    }
    Some(file(pages))
}

/// Text in lines that fit.
fn rows(text: &str) -> Vec<String> {
    let mut rows: Vec<String> = vec![String::new()];
    for word in text.split(' ') {
        let Some(row) = rows.last_mut() else { break };
        if !row.is_empty() && row.chars().count() + 1 + word.chars().count() > WIDTH {
            rows.push(word.to_owned());
            continue;
        }
        if !row.is_empty() {
            row.push(' ');
        }
        row.push_str(word);
    }
    rows
}

fn write(content: &mut Content, style: &Style, y: f32, octets: &[u8]) {
    let font = if style.bold { Name(b"B") } else { Name(b"R") };
    content.begin_text();
    content.set_font(font, style.size);
    content.next_line(MARGIN + style.inset, y);
    content.show(Str(octets));
    content.end_text();
}

/// Windows-1252, which the fonts of every reader know: Latin-1, and the euro and quotation marks.
fn encode(text: &str) -> Option<Vec<u8>> {
    let octet = |letter: char| match letter {
        ' '..='~' | '\u{a0}'..='\u{ff}' => u8::try_from(u32::from(letter)).ok(),
        '€' => Some(0x80),
        '‚' => Some(0x82),
        '„' => Some(0x84),
        '…' => Some(0x85),
        'Š' => Some(0x8a),
        'Œ' => Some(0x8c),
        'Ž' => Some(0x8e),
        '‘' => Some(0x91),
        '’' => Some(0x92),
        '“' => Some(0x93),
        '”' => Some(0x94),
        '–' => Some(0x96),
        '—' => Some(0x97),
        'š' => Some(0x9a),
        'œ' => Some(0x9c),
        'ž' => Some(0x9e),
        'Ÿ' => Some(0x9f),
        _ => None,
    };
    text.chars().map(octet).collect()
}

fn file(contents: Vec<Content>) -> Vec<u8> {
    let [catalog, tree, regular, bold] = [1, 2, 3, 4].map(Ref::new);
    // A page and its content follow each other.
    let pages: Vec<(Ref, Ref)> =
        (5..).step_by(2).take(contents.len()).map(|at| (Ref::new(at), Ref::new(at + 1))).collect();
    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(tree);
    let count = i32::try_from(pages.len()).unwrap_or(i32::MAX);
    pdf.pages(tree).kids(pages.iter().map(|(page, _)| *page)).count(count);
    for ((page, stream), content) in pages.into_iter().zip(contents) {
        let mut one = pdf.page(page);
        one.media_box(Rect::new(0.0, 0.0, PAGE.0, PAGE.1)).parent(tree).contents(stream);
        one.resources().fonts().pair(Name(b"R"), regular).pair(Name(b"B"), bold);
        one.finish();
        pdf.stream(stream, &content.finish());
    }
    let latin = Name(b"WinAnsiEncoding");
    pdf.type1_font(regular).base_font(Name(b"Helvetica")).encoding_predefined(latin);
    pdf.type1_font(bold).base_font(Name(b"Helvetica-Bold")).encoding_predefined(latin);
    pdf.finish()
}

#[cfg(test)]
mod tests {
    use super::{Line, page, rows};

    #[test]
    fn long_lines_break_between_words() {
        let text = "word ".repeat(40);
        assert!(rows(text.trim()).iter().all(|row| row.len() <= 72));
        assert_eq!(rows(text.trim()).join(" "), text.trim());
    }

    #[test]
    fn what_the_fonts_do_not_know_is_refused() {
        let text = |text: &str| page(&[Line::Title(text.to_owned())]);
        let pdf = text("Jürgen O’Neill – Žofie").unwrap_or_default();
        assert!(pdf.starts_with(b"%PDF-") && pdf.len() > 500);
        assert!(text("Ольга").is_none());
        let long: Vec<Line> = (0..60).map(|_| Line::Text("x".to_owned())).collect();
        assert!(page(&long).is_some_and(|pdf| pdf.windows(8).any(|octets| octets == b"/Count 2")));
    }
}
