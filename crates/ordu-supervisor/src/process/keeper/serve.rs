use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSliceMut, PipeReader, PipeWriter, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, fcntl_dupfd_cloexec, ioctl_fionbio};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendFlags, recvmsg, send};
use rustix::process::{set_child_subreaper, setsid};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use super::super::cgroup::RunGroup;
use super::super::wire::{Decoder, Malformed, Refusal, Reply, Request, Spawn, encode};
use super::super::{procfs, sys};
use super::child::Newborn;
use super::end::end_everything;
use super::family::Family;
use super::launch::{Launched, launch};

/// How long the last reports may take to leave when everything has ended.
const FAREWELL: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};

/// Serves the agent on standard input until it is gone; then ends every child, and this process.
pub(super) fn run(control_groups: Option<RunGroup>) -> ! {
    let code = match Serve::prepare(control_groups) {
        Ok(mut serve) => {
            // A panic must not leave the children behind.
            let served = catch_unwind(AssertUnwindSafe(|| serve.serve_agent()));
            serve.end();
            i32::from(!matches!(served, Ok(Ok(()))))
        }
        Err(error) => {
            eprintln!("keeper: cannot start: {error}");
            1
        }
    };
    std::process::exit(code)
}

/// Reads all there is in a pipe that does not block.
pub(super) fn empty(mut pipe: &PipeReader) {
    let mut bytes = [0; 64];
    while matches!(pipe.read(&mut bytes), Ok(1..)) {}
}

struct Serve {
    socket: OwnedFd,
    /// Readable after a SIGCHLD.
    wake: PipeReader,
    /// The end that the signal handler writes to.
    _wake_end: PipeWriter,
    timer: OwnedFd,
    null: File,
    buffer: Vec<u8>,
    requests: Decoder,
    /// Descriptors that came with requests not handled yet, in their order.
    descriptors: VecDeque<OwnedFd>,
    replies: Vec<u8>,
    family: Family,
    /// Where each start has a control group of its own, if that can be had.
    control_groups: Option<RunGroup>,
    lease: Option<Duration>,
}

impl Serve {
    fn prepare(control_groups: Option<RunGroup>) -> io::Result<Self> {
        sys::close_inherited()?;
        let socket = fcntl_dupfd_cloexec(sys::standard_input(), 3)?;
        let null = File::options().read(true).write(true).open("/dev/null")?;
        rustix::stdio::dup2_stdin(&null)?;
        ioctl_fionbio(&socket, true)?;

        let (wake, wake_end) = io::pipe()?;
        ioctl_fionbio(&wake, true)?;
        ioctl_fionbio(&wake_end, true)?;
        sys::handle_signals(wake_end.as_fd())?;

        // Away from the terminal and the job control of whoever started the agent; and parent of every orphan
        // among its descendants.
        setsid()?;
        set_child_subreaper(Some(rustix::process::getpid()))?;
        rustix::thread::set_name(procfs::KEEPER)?;

        let timer = timerfd_create(
            TimerfdClockId::Boottime,
            TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK,
        )?;
        Ok(Self {
            socket,
            wake,
            _wake_end: wake_end,
            timer,
            null,
            buffer: vec![0; 64 << 10],
            requests: Decoder::default(),
            descriptors: VecDeque::new(),
            replies: encode(&Reply::Ready),
            family: Family::default(),
            control_groups,
            lease: None,
        })
    }

    /// Returns when the agent is gone or its lease has lapsed.
    fn serve_agent(&mut self) -> Result<(), Malformed> {
        loop {
            if !self.send_replies() {
                return Ok(());
            }
            let deadline = self.family.next_deadline().into_iter().chain(self.lease).min();
            self.set_timer(deadline);
            self.wait_for_something();

            empty(&self.wake);
            let now = procfs::since_boot();
            if self.lease.is_some_and(|until| until <= now) {
                return Ok(());
            }
            if !self.receive()? {
                return Ok(());
            }
            self.family.reap(now);
            let replies = &mut self.replies;
            let groups = self.control_groups.as_ref();
            self.family
                .attend(now, groups, |reply| replies.extend(encode(&reply)));
        }
    }

    /// Ends all children and tells an agent that still listens.
    fn end(&mut self) {
        let (family, groups) = (&mut self.family, self.control_groups.as_ref());
        end_everything(&self.wake, groups, |pid, exit| {
            family.reaped(pid, exit, Duration::ZERO);
        });
        if let Some(groups) = groups {
            groups.remove();
        }
        family.report_all(|reply| self.replies.extend(encode(&reply)));
        while self.send_replies() && !self.replies.is_empty() {
            let writable = poll(&mut [PollFd::new(&self.socket, PollFlags::OUT)], Some(&FAREWELL));
            if !matches!(writable, Ok(1..) | Err(Errno::INTR)) {
                break;
            }
        }
    }

    /// The timer counts suspension too, so that a lease that lapsed in a suspension ends at once after it.
    fn set_timer(&self, deadline: Option<Duration>) {
        let at = deadline.map_or(Timespec::default(), |at| Timespec {
            tv_sec: at.as_secs().try_into().unwrap_or(i64::MAX),
            // A time of zero would disarm the timer.
            tv_nsec: at.subsec_nanos().max(1).into(),
        });
        let timer = Itimerspec {
            it_interval: Timespec::default(),
            it_value: at,
        };
        let _ = timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &timer);
    }

    fn wait_for_something(&self) {
        let mut socket = PollFlags::IN | PollFlags::RDHUP;
        if !self.replies.is_empty() {
            socket |= PollFlags::OUT;
        }
        let mut sources = [
            PollFd::new(&self.socket, socket),
            PollFd::new(&self.wake, PollFlags::IN),
            PollFd::new(&self.timer, PollFlags::IN),
        ];
        // Whatever it was that woke, all sources are looked at afterwards.
        let _ = poll(&mut sources, None);
    }

    /// Sends what the socket takes; says whether the agent is still there.
    fn send_replies(&mut self) -> bool {
        while !self.replies.is_empty() {
            match send(
                &self.socket,
                &self.replies,
                SendFlags::NOSIGNAL | SendFlags::DONTWAIT,
            ) {
                Ok(sent) => drop(self.replies.drain(..sent)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(_) => return false,
            }
        }
        true
    }

    /// Takes in and handles what the agent sent; says whether it is still there.
    fn receive(&mut self) -> Result<bool, Malformed> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let received = recvmsg(
            &self.socket,
            &mut [IoSliceMut::new(&mut self.buffer)],
            &mut ancillary,
            RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT,
        );
        let count = match received {
            Ok(message) => message.bytes,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(true),
            Err(_) => return Ok(false),
        };
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                self.descriptors.extend(descriptors);
            }
        }
        if count == 0 {
            return Ok(false);
        }
        self.requests.push(&self.buffer[..count]);
        while let Some(request) = self.requests.next()? {
            self.handle(request);
        }
        Ok(true)
    }

    fn handle(&mut self, request: Request) {
        match request {
            Request::Spawn(spawn) => self.spawn(spawn),
            Request::Signal { incarnation, signal } => self.family.signal(incarnation, signal),
            Request::Stop { incarnation } => self.family.stop(incarnation, procfs::since_boot()),
            Request::Kill { incarnation } => self.family.kill(incarnation, procfs::since_boot()),
            Request::Lease { until } => self.lease = until,
            Request::Ping => self.replies.extend(encode(&Reply::Pong)),
        }
    }

    fn spawn(&mut self, spawn: Spawn) {
        let outputs = usize::from(spawn.outputs).min(self.descriptors.len());
        let outputs: Vec<OwnedFd> = self.descriptors.drain(..outputs).collect();
        let (incarnation, start) = (spawn.incarnation, spawn.mark.start);
        let (stop_signal, leftover_timeout) = (spawn.stop_signal, spawn.leftover_timeout);
        let result = if self.family.holds(incarnation) {
            Err(Refusal::Program(Errno::EXIST.raw_os_error()))
        } else {
            launch(spawn, &outputs, &self.null, self.control_groups.as_ref())
        };
        let reply = match result {
            Ok(Launched {
                pid,
                start_time,
                group,
            }) => {
                let in_control_group = group.is_some();
                let born = Newborn {
                    pid,
                    start_time,
                    start,
                    control_group: group,
                    stop_signal,
                    leftover_timeout,
                };
                self.family.add(incarnation, born);
                Reply::Spawned {
                    incarnation,
                    pid: pid.as_raw_nonzero().get().unsigned_abs(),
                    start_time,
                    in_control_group,
                }
            }
            Err(refusal) => Reply::Refused { incarnation, refusal },
        };
        self.replies.extend(encode(&reply));
    }
}
