import Dashboard
import Foundation
import TUI
import Terminal
import Training
import TrainingEvents

/// The dashboard of a job. Runs on the main thread, waits in one place, and never holds up the job.
enum DashboardInterface {
    /// nil where this terminal can't show a dashboard; standard error then has the reason, and the job has not started.
    static func run(
        _ job: Job, result: JobResult, interface: InterfaceArguments? = nil, survivesHangUp: Bool = false,
        start: () -> Void
    ) throws -> RunOutcome? {
        let settings = try InterfaceSettings(interface)
        let screen: TerminalScreen
        do throws(TerminalError) { screen = try TerminalScreen.open() } catch {
            Frostline.printError("\(error)")
            return nil
        }
        let log = StandardErrorLog()
        ProcessSignals.install(wake: job.mailbox.wakeDescriptor, onScreen: true)
        defer {
            screen.close()
            ProcessSignals.uninstall()
            log.close()
        }
        var loop = DashboardLoop(job: job, result: result, screen: screen, settings: settings)
        loop.survivesHangUp = survivesHangUp
        loop.open()
        // Without a dashboard a run behaves as scripts expect: it pauses for no answer.
        job.send(CommandRequest(.watch(true)))
        start()
        let outcome = loop.run()
        loop.latencies?.write()
        return outcome
    }
}

private struct DashboardLoop {
    let job: Job
    let result: JobResult
    let screen: TerminalScreen
    /// What wakes the loop besides the keyboard.
    private let mailboxes: [EventMailbox]
    var state: DashboardState

    /// When the next frame must be drawn; nil where the screen is up to date.
    private var frameDue: UInt64?
    private var lastFrame: UInt64 = 0
    var survivesHangUp = false
    private var interrupts = 0
    private var stopSent = false
    private var mayLeave = false
    private var jobEnded = false
    /// The terminal is gone; the job goes on to its end without one.
    private var isHungUp = false
    /// Reads in a row that `poll` announced and that gave nothing.
    private var emptyReads = 0
    var latencies = LatencyLog()

    /// Nanoseconds between frames: sixty a second.
    private static let frameInterval: UInt64 = 16_000_000
    /// What was just asked for is answered sooner, if only a key's frame came before.
    private static let answerInterval: UInt64 = 2_000_000
    /// Figures alone are drawn four times a second: faster ones cannot be read, and over ssh each frame costs.
    private static let figuresInterval: UInt64 = 250_000_000

    init(job: Job, result: JobResult, screen: TerminalScreen, settings: InterfaceSettings) {
        self.job = job
        self.result = result
        self.screen = screen
        mailboxes = [job.mailbox] + job.others.map(\.mailbox)
        state = DashboardState(glyphs: settings.configuration.glyphs ?? screen.glyphs)
        state.apply(settings.configuration, themes: settings.themes, errors: settings.errors)
        state.run.tie = job.tie
        state.charts.others = job.others.map { OtherRun(name: $0.name) }
        state.settings.isMonochrome = !screen.hasColors
    }

    mutating func open() {
        takeSize()
        draw()
        // After the first frame: only then is the screen wholly ncurses' own.
        if state.settings.usesMouse { screen.listenToMouse(true) }
    }

    private mutating func takeSize() {
        let (width, height) = screen.size
        act(.resized(width: width, height: height))
    }

    mutating func draw() {
        let (width, height) = screen.size
        screen.present(render(state, theme: state.settings.theme, width: width, height: height))
        frameDue = nil
        lastFrame = Self.now()
        latencies?.drewFrame()
    }

    mutating func run() -> RunOutcome {
        while true {
            let input = wait()
            // Emptied before anything is looked at: what comes afterwards makes the pipe readable again.
            var events = job.mailbox.drain()
            let outcome = result.value
            // What was posted before the end has arrived by now.
            if outcome != nil { events += job.mailbox.drain() }

            handleSignals()
            if input.hangUp { hangUp() }
            if input.ready { readKeys() }
            if !isHungUp, !events.isEmpty {
                for event in events {
                    act(.event(event))
                    requestFrame(after: Self.interval(for: event))
                    latencies?.take(event)
                }
            }
            for (place, other) in job.others.enumerated() {
                for event in other.mailbox.drain() where !isHungUp {
                    act(.other(place, event))
                    requestFrame(after: Self.figuresInterval)
                }
            }
            if let outcome {
                if isHungUp { return outcome }
                if !jobEnded {
                    jobEnded = true
                    act(.jobEnded)
                    requestFrame()
                }
                if mayLeave { return outcome }
            }
            if let frameDue, !isHungUp, Self.now() >= frameDue { draw() }
        }
    }

    /// The frame comes `interval` after the last one, and not later than one that was requested before.
    private mutating func requestFrame(after interval: UInt64 = frameInterval) {
        frameDue = min(frameDue ?? .max, lastFrame + interval)
    }

    private static func interval(for event: TrainingEvent) -> UInt64 {
        switch event {
        case .freeze, .paused, .resumed, .refused, .learningRate, .validation, .saved: answerInterval
        default: event.merging != nil ? figuresInterval : frameInterval
        }
    }

    // MARK: Waiting

    /// Until a key, an event or a signal comes or a frame is due.
    private func wait() -> (ready: Bool, hangUp: Bool) {
        var sources = ([isHungUp ? -1 : STDIN_FILENO] + mailboxes.map(\.descriptor)).map {
            pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
        }
        var timeout: Int32 = -1
        if let frameDue, !isHungUp {
            let now = Self.now()
            timeout = now >= frameDue ? 0 : Int32((frameDue - now + 999_999) / 1_000_000)
        }
        // A mailbox that got no pipe has to be asked.
        if mailboxes.contains(where: { $0.descriptor < 0 }) { timeout = timeout < 0 ? 50 : min(timeout, 50) }
        guard poll(&sources, nfds_t(sources.count), timeout) > 0 else { return (false, false) }
        let seen = Int32(sources[0].revents)
        return (seen & POLLIN != 0, seen & (POLLHUP | POLLERR | POLLNVAL) != 0)
    }

    private static func now() -> UInt64 { DispatchTime.now().uptimeNanoseconds }

    // MARK: Signals and keys

    private mutating func handleSignals() {
        if ProcessSignals.take(.hangUp) > 0 { hangUp() }
        for _ in 0..<ProcessSignals.take(.interrupt) {
            interrupts += 1
            requestStop()
            exitAtSecondInterrupt()
        }
        if ProcessSignals.take(.terminate) > 0 { requestStop() }
        if isHungUp { return }
        if ProcessSignals.take(.stop) > 0 {
            screen.suspend(group: false)
            redrawAtNewSize()
        }
        if ProcessSignals.take(.resumed) > 0 {
            screen.resume()
            redrawAtNewSize()
        }
        if ProcessSignals.take(.sizeChanged) > 0 {
            screen.resized()
            redrawAtNewSize()
        }
    }

    private mutating func redrawAtNewSize() {
        takeSize()
        requestFrame()
    }

    private mutating func readKeys() {
        if isHungUp { return }
        let began = Self.now()
        let input = screen.readInput()
        guard !input.isEmpty else {
            // Half a character or a key without a name; but input that is announced again and again has ended.
            var waiting: Int32 = 0
            let isGone = ioctl(STDIN_FILENO, UInt(FIONREAD), &waiting) != 0
            emptyReads = waiting == 0 ? emptyReads + 1 : 0
            if isGone || emptyReads > 1000 { hangUp() }
            return
        }
        emptyReads = 0
        for one in input {
            switch one {
            case .mouse(let event): act(.mouse(event))
            case .key(let key):
                if key == .control("c") { interrupts += 1 }
                act(.key(key))
                if key == .control("c") { exitAtSecondInterrupt() }
            }
        }
        if mayLeave, result.value != nil { return }
        draw()
        latencies?.drewKey(since: began)
    }

    private mutating func requestStop() {
        act(.requestStop)
        // No q follows a signal, so it leaves as well, also where the dashboard has a question open.
        mayLeave = true
        if job.stopsWithInterface { sendStop() }
        requestFrame()
    }

    private mutating func sendStop() {
        if stopSent { return }
        stopSent = true
        job.send(CommandRequest(.stop))
    }

    private mutating func act(_ action: DashboardAction) {
        for effect in update(&state, action) {
            switch effect {
            case .engine(.stop, _): sendStop()
            case .engine(let command, let id):
                latencies?.sent(command, id)
                job.send(CommandRequest(command, id: id))
            case .redraw: screen.redraw()
            case .suspend:
                screen.suspend()
                takeSize()
            case .mouse(let wanted): screen.listenToMouse(wanted)
            case .detach: job.leave?()
            // Before the job's end this takes effect at its end.
            case .leave: mayLeave = true
            }
        }
    }

    /// A second interrupt does not wait for the step and the save.
    private func exitAtSecondInterrupt() {
        guard interrupts >= 2, result.value == nil else { return }
        screen.close()
        job.abort?()
        _exit(130)
    }

    private mutating func hangUp() {
        guard !isHungUp else { return }
        isHungUp = true
        if job.stopsWithInterface && !(survivesHangUp && job.tie == .started) { sendStop() } else { job.leave?() }
        screen.close()
    }
}
