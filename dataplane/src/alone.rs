//! Requests that concern their connection or the process: run when nothing else is owed to the connection, or within a
//! transaction.

use adit_drivers::streams::ConnectionId;
use adit_wire::resp::{Command, reply};

use crate::batch::{Batch, Entry, Slices};
use crate::calls::CommandId;
use crate::connection::Writer;
use crate::requests::Flow;
use crate::session::{self, After, Context, client};
use crate::shard::Shard;
use crate::silence::Silence;
use crate::tour::Tour;
use crate::transaction::encoded::Encoded;

impl Shard {
    /// What concerns the connection itself: done when nothing else is owed to it.
    pub(crate) fn execute_alone(&mut self, entry: &Entry, batch: &Batch, command: Command) -> Flow {
        let Some(connection) = self.connections.get_mut(entry.connection) else { return Flow::Next };
        if !connection.owed.is_empty() {
            return Flow::Starved;
        }
        if let Some(tour) = connection.tour.take() {
            return self.go_on_tour(entry, batch, tour);
        }
        if connection.sleeps_until_ns > 0 {
            return self.sleep(entry.connection);
        }
        connection.session.last = entry.command;
        if command == Command::Info {
            self.engine.counters.publish(&mut self.stats);
        }
        let arguments = Slices { bytes: connection.intake.bytes(), spans: batch.spans_of(entry) };
        let line = client::line_for(command, &arguments, connection, &self.streams, self.now.mono_ns);
        let context = Context { line, ..Context::new(&self.settings, &self.pages, self.now) };
        let mut writer = Writer::new(&mut connection.outbox, &mut self.pool, connection.session.version);
        let after = session::run(command, &arguments, &mut connection.session, &mut writer, &context);
        let error = writer.error;
        self.note_error(entry.command, error);
        match after {
            After::Tour(task) => self.go_on_tour(entry, batch, Box::new(Tour::new(task))),
            after => self.follow(entry.connection, after),
        }
    }

    /// Does what a command that concerns its connection leaves to be done.
    pub(crate) fn follow(&mut self, index: u32, after: After) -> Flow {
        let Some(connection) = self.connections.get_mut(index) else { return Flow::Next };
        match after {
            After::Stay => {}
            After::Close => {
                connection.closing = true;
                let queue = connection.session.leave_multi();
                self.drop_queue(queue);
            }
            After::Tour(_) => unreachable!("a tour is begun with its request"),
            After::Silence(Silence::None) => {
                connection.unmute(&mut self.pool);
                reply::ok(&mut connection.writer(&mut self.pool));
            }
            After::Silence(Silence::Next) if connection.silence == Silence::All => {}
            After::Silence(silence) => {
                connection.silence = silence;
                if silence == Silence::All {
                    connection.mute();
                }
            }
            After::Sleep(time_ns) => {
                connection.sleeps_until_ns = self.now.mono_ns.saturating_add(time_ns);
                return self.sleep(index);
            }
            After::Reset => {
                connection.unmute(&mut self.pool);
                reply::simple(&mut connection.writer(&mut self.pool), "RESET");
                let queue = connection.session.leave_multi();
                self.drop_queue(queue);
            }
        }
        Flow::Next
    }

    /// Runs such a command within a transaction; its reply is encoded into `result`. Says what is left to be done.
    pub(crate) fn run_alone_into(
        &mut self,
        id: ConnectionId,
        command: Command,
        arguments: &Slices<'_>,
        result: &mut Encoded,
    ) -> After {
        let Some(connection) = self.connections.of(id) else { return After::Stay };
        connection.session.last = CommandId::of(command, arguments);
        if command == Command::Info {
            self.engine.counters.publish(&mut self.stats);
        }
        let line = client::line_for(command, arguments, connection, &self.streams, self.now.mono_ns);
        let context = Context { line, ..Context::new(&self.settings, &self.pages, self.now) };
        session::run(command, arguments, &mut connection.session, result, &context)
    }

    /// Lets a connection sleep on, or answers it.
    fn sleep(&mut self, index: u32) -> Flow {
        let Some(connection) = self.connections.get_mut(index) else { return Flow::Next };
        if connection.sleeps_until_ns > self.now.mono_ns {
            let sleeper = (connection.sleeps_until_ns, connection.id);
            // It is here already if more was received while it sleeps.
            if !self.sleepers.contains(&sleeper) {
                self.sleepers.push(sleeper);
            }
            return Flow::Asleep;
        }
        connection.sleeps_until_ns = 0;
        reply::ok(&mut connection.writer(&mut self.pool));
        Flow::Next
    }
}
