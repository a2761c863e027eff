//! The terminal as a screen of ours, given back as it was on every way out.

use std::{
    cell::RefCell,
    io::{self, Write},
    panic,
    rc::Rc,
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
};

use crossterm::{
    cursor::{Hide, Show},
    queue,
    style::force_color_output,
    terminal::{self, DisableLineWrap, EnableLineWrap, EnterAlternateScreen, LeaveAlternateScreen},
};
use ratatui::{
    Frame, Terminal, TerminalOptions, Viewport, backend::CrosstermBackend, layout::Rect,
};

use super::output::Output;

/// Size of a terminal that does not tell its own.
const UNTOLD: Rect = Rect::new(0, 0, 80, 24);

/// Whether the terminal is ours at this moment.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// What a frame is drawn to.
#[derive(Clone, Default)]
struct Sheet(Rc<RefCell<Vec<u8>>>);

impl Write for Sheet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The screen. Dropping it gives the terminal back.
pub struct Canvas {
    terminal: Terminal<CrosstermBackend<Sheet>>,
    sheet: Sheet,
    output: Output,
}

impl Canvas {
    /// Takes the terminal: the alternate screen, and keys as they are pressed. A panic gives it back
    /// before it says anything. To be called inside a tokio runtime.
    ///
    /// # Errors
    /// When stdout or stdin is no terminal.
    pub fn take(color: bool) -> io::Result<Self> {
        // The choice has been made; the library would look at NO_COLOR once more.
        force_color_output(color);
        let sheet = Sheet::default();
        let told = terminal::size().is_ok_and(|(width, height)| width > 0 && height > 0);
        let viewport = if told {
            Viewport::Fullscreen
        } else {
            Viewport::Fixed(UNTOLD)
        };
        let backend = CrosstermBackend::new(sheet.clone());
        let mut canvas = Self {
            terminal: Terminal::with_options(backend, TerminalOptions { viewport })?,
            sheet,
            output: Output::new(),
        };
        give_back_on_panic();
        canvas.enter()?;
        Ok(canvas)
    }

    /// Draws a frame; [`Self::flush`] brings it to the terminal.
    ///
    /// # Errors
    /// When the terminal does not tell its size.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.terminal.draw(draw)?;
        self.send();
        Ok(())
    }

    /// Whether the terminal has taken everything.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.output.is_idle()
    }

    /// Brings what was drawn to the terminal; nothing is lost when that is cut short.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub async fn flush(&mut self) -> io::Result<()> {
        self.output.flush().await
    }

    /// The next frame is drawn as if nothing was on the screen. By a change of size to what it is:
    /// ratatui's own way asks the terminal for its cursor, and waits for the answer.
    ///
    /// # Errors
    /// When the terminal does not tell its size.
    pub fn clear(&mut self) -> io::Result<()> {
        let area = self.terminal.get_frame().area();
        self.terminal.resize(area)
    }

    /// Gives the terminal back until [`Self::resume`].
    pub fn leave(&mut self) {
        if !TAKEN.swap(false, Ordering::SeqCst) {
            return;
        }
        // Drawing to memory does not fail.
        let _ = queue_leave(&mut self.sheet);
        self.send();
        self.output.finish();
        let _ = terminal::disable_raw_mode();
    }

    /// Takes the terminal again.
    ///
    /// # Errors
    /// As for [`Self::take`].
    pub fn resume(&mut self) -> io::Result<()> {
        self.enter()?;
        self.clear()
    }

    fn enter(&mut self) -> io::Result<()> {
        terminal::enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        queue!(self.sheet, EnterAlternateScreen, DisableLineWrap, Hide)?;
        self.send();
        Ok(())
    }

    fn send(&mut self) {
        self.output
            .put(&std::mem::take(&mut *self.sheet.0.borrow_mut()));
    }
}

impl Drop for Canvas {
    fn drop(&mut self) {
        self.leave();
    }
}

fn queue_leave(out: &mut impl Write) -> io::Result<()> {
    queue!(out, EnableLineWrap, LeaveAlternateScreen, Show)
}

/// A message of a panic on the alternate screen would go with it.
fn give_back_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let tell = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if TAKEN.swap(false, Ordering::SeqCst) {
                let mut stdout = io::stdout();
                // Whatever fails, the message is still to be told.
                let _ = queue_leave(&mut stdout).and_then(|()| stdout.flush());
                let _ = terminal::disable_raw_mode();
            }
            tell(panic);
        }));
    });
}
