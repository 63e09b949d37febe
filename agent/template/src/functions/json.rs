//! JSON as Go's encoding/json reads and writes it.

mod read;
mod write;

use super::Table;
use crate::Error;
use crate::json::Html;
use crate::run::Run;
use crate::value::{Text, Value};

use write::Style;

pub(super) fn add(table: &mut Table) {
    table.add("fromJson", |run: &Run<'_>, text: Text| match read::read(run, &text)? {
        Some(value) => Ok(value),
        None => Ok(Value::Nil),
    });
    table.add("mustFromJson", |run: &Run<'_>, text: Text| {
        read::read(run, &text)?.ok_or_else(|| Error::Failed("the text is not JSON".to_owned()))
    });
    for (name, must, style) in [
        ("toJson", "mustToJson", Style { pretty: false, html: Html::Escaped }),
        ("toPrettyJson", "mustToPrettyJson", Style { pretty: true, html: Html::Escaped }),
    ] {
        // What cannot be written becomes nothing.
        table.add(name, move |run: &Run<'_>, value: Value| match write::write(run, &value, style)? {
            Some(json) => Ok(json),
            None => Ok("".into()),
        });
        table.add(must, move |run: &Run<'_>, value: Value| written(run, &value, style));
    }
    for name in ["toRawJson", "mustToRawJson"] {
        table.add(name, |run: &Run<'_>, value: Value| written(run, &value, Style { pretty: false, html: Html::Plain }));
    }
}

fn written(run: &Run<'_>, value: &Value, style: Style) -> Result<Value, Error> {
    write::write(run, value, style)?.ok_or_else(|| Error::Failed("JSON has no numbers that are not finite".to_owned()))
}
