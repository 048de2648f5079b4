//! Fields of lines of text.

use std::fmt::{Debug, Write};

use tracing::field::Field;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{Writer, debug_fn};

use super::escape::Escaping;

/// The message, and `name=value` of the others. None of them can begin a line of its own: services choose what is in
/// them, and so do clients.
pub(super) fn fields() -> impl for<'w> FormatFields<'w> + Send + Sync + 'static {
    debug_fn(|writer: &mut Writer<'_>, field: &Field, value: &dyn Debug| {
        if field.name() != "message" {
            match writer.has_ansi_escapes() {
                true => write!(writer, "\u{1b}[3m{}\u{1b}[0m\u{1b}[2m=\u{1b}[0m", field.name())?,
                false => write!(writer, "{}=", field.name())?,
            }
        }
        write!(Escaping(writer), "{value:?}")
    })
    .delimited(" ")
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_a_service_writes_stays_on_its_line() {
        let sink = Sink::default();
        let writer = sink.clone();
        let layer = fmt::layer().fmt_fields(fields()).with_ansi(false).without_time();
        let layer = layer.with_writer(move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            let (service, forged) = ("orders", "a\r\n ERROR host: \u{1b}[31mforged");
            tracing::info!(target: "guest", %service, said = %forged, plain = "b\nc", "{forged}");
        });
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        assert_eq!(
            text,
            " INFO guest: a\\r\\n ERROR host: \\u{1b}[31mforged service=orders \
             said=a\\r\\n ERROR host: \\u{1b}[31mforged plain=\"b\\nc\"\n"
        );
    }
}
