import TUI
import Dashboard
import Foundation
import Terminal
import Training
import TrainingEvents

/// The job, watched and steered on the terminal. Runs on the main thread, waits in one place, and never holds up the job.
enum DashboardInterface {
    /// nil where this terminal can't show a dashboard; a line on standard error has said so, and the job has not started.
    static func run(
        _ job: Job, result: JobResult, interface: InterfaceArguments? = nil, start: () -> Void
    ) throws -> RunOutcome? {
        let settings = try InterfaceSettings(interface, executable: executablePath())
        let screen: TerminalScreen
        do throws(TerminalError) {
            screen = try TerminalScreen.open()
        } catch {
            FileHandle.standardError.write(Data("frostline: \(error)\n".utf8))
            return nil
        }
        let log = StandardErrorLog()
        TerminalSignals.install(wake: job.mailbox.wakeDescriptor)
        defer {
            screen.close()
            TerminalSignals.uninstall()
            log.close()
        }
        var loop = DashboardLoop(job: job, result: result, screen: screen, settings: settings)
        loop.open()
        // Nobody is asked who is not there: without a dashboard a run behaves as it does for scripts.
        job.send(CommandRequest(.watch))
        start()
        let outcome = loop.run()
        loop.writeLatencies()
        return outcome
    }

    private static func executablePath() -> String {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
    }
}

private struct DashboardLoop {
    let job: Job
    let result: JobResult
    let screen: TerminalScreen
    /// Whatever may wake the loop besides the keyboard.
    private let mailboxes: [EventMailbox]
    var state: DashboardState

    /// When what has happened must be on the screen; nil where all of it is.
    private var frameDue: UInt64?
    private var lastFrame: UInt64 = 0
    private var interrupts = 0
    private var stopSent = false
    private var mayLeave = false
    private var jobEnded = false
    /// The terminal is gone; the job goes on to its end without one.
    private var isHungUp = false
    /// How often in a row input was announced and none was there.
    private var emptyReads = 0
    private let measures: String?
    private var latencies: [UInt64] = []

    /// Nanoseconds between frames: sixty a second are as many as anybody sees.
    private static let frameInterval: UInt64 = 16_000_000
    /// Figures that change faster than this nobody reads, and over ssh each frame costs. Keys do not wait for it.
    private static let figuresInterval: UInt64 = 250_000_000

    init(job: Job, result: JobResult, screen: TerminalScreen, settings: InterfaceSettings) {
        self.job = job
        self.result = result
        self.screen = screen
        mailboxes = [job.mailbox] + job.others.map(\.mailbox)
        state = DashboardState(glyphs: settings.configuration.glyphs ?? screen.glyphs)
        state.apply(settings.configuration, themes: settings.themes, errors: settings.errors)
        state.run.isReadOnly = job.isReadOnly
        state.charts.others = job.others.map { OtherRun(name: $0.name) }
        state.settings.isMonochrome = !screen.hasColors
        measures = ProcessInfo.processInfo.environment["FROSTLINE_LATENCY_LOG"].flatMap { $0.isEmpty ? nil : $0 }
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
    }

    mutating func run() -> RunOutcome {
        while true {
            let input = wait()
            // Emptied before anything is looked at: whatever comes afterwards makes the pipe readable again.
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
                    oweFrame(after: event.isFigure ? Self.figuresInterval : Self.frameInterval)
                }
            }
            for (place, other) in job.others.enumerated() {
                for event in other.mailbox.drain() where !isHungUp {
                    act(.other(place, event))
                    oweFrame(after: Self.figuresInterval)
                }
            }
            if let outcome {
                if isHungUp { return outcome }
                if !jobEnded {
                    jobEnded = true
                    act(.jobEnded)
                    oweFrame()
                }
                if mayLeave { return outcome }
            }
            if let frameDue, !isHungUp, Self.now() >= frameDue { draw() }
        }
    }

    /// The frame comes `interval` after the last one, and not later than one that is owed already.
    private mutating func oweFrame(after interval: UInt64 = frameInterval) {
        frameDue = min(frameDue ?? .max, lastFrame + interval)
    }

    // MARK: Waiting

    /// Until a key, an event or a signal comes, or an owed frame is due; without any of them, for ever.
    private func wait() -> (ready: Bool, hangUp: Bool) {
        var sources = ([isHungUp ? -1 : STDIN_FILENO] + mailboxes.map(\.descriptor)).map {
            pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
        }
        var timeout: Int32 = -1
        if let frameDue, !isHungUp {
            let now = Self.now()
            timeout = now >= frameDue ? 0 : Int32((frameDue - now + 999_999) / 1_000_000)
        }
        // Without a pipe nothing announces events.
        if mailboxes.contains(where: { $0.descriptor < 0 }) { timeout = timeout < 0 ? 50 : min(timeout, 50) }
        guard poll(&sources, nfds_t(sources.count), timeout) > 0 else { return (false, false) }
        let seen = Int32(sources[0].revents)
        return (seen & POLLIN != 0, seen & (POLLHUP | POLLERR | POLLNVAL) != 0)
    }

    private static func now() -> UInt64 { DispatchTime.now().uptimeNanoseconds }

    // MARK: What came

    private mutating func handleSignals() {
        if TerminalSignals.take(.hangUp) > 0 { hangUp() }
        for _ in 0..<TerminalSignals.take(.interrupt) {
            interrupts += 1
            requestStop()
            leaveAtOnceIfInsisting()
        }
        if TerminalSignals.take(.terminate) > 0 { requestStop() }
        if isHungUp { return }
        if TerminalSignals.take(.stop) > 0 {
            screen.suspend(group: false)
            takeSize()
            oweFrame()
        }
        if TerminalSignals.take(.resumed) > 0 {
            screen.resume()
            takeSize()
            oweFrame()
        }
        if TerminalSignals.take(.sizeChanged) > 0 {
            screen.resized()
            takeSize()
            oweFrame()
        }
    }

    private mutating func readKeys() {
        if isHungUp { return }
        let began = Self.now()
        let input = screen.readInput()
        guard !input.isEmpty else {
            // Half a character or a key without a name; but input that is announced for ever and never there has ended.
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
                if key == .control("c") { leaveAtOnceIfInsisting() }
            }
        }
        if mayLeave, result.value != nil { return }
        draw()
        if measures != nil { latencies.append((Self.now() - began) / 1000) }
    }

    private mutating func requestStop() {
        act(.requestStop)
        // Also where the dashboard had something else in mind: who sends a signal does not press q afterwards.
        mayLeave = true
        sendStop()
        oweFrame()
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
            case .engine(let command, let id): job.send(CommandRequest(command, id: id))
            case .redraw: screen.redraw()
            case .suspend:
                screen.suspend()
                takeSize()
            case .mouse(let wanted): screen.listenToMouse(wanted)
            // While the job is not over, what is asked for is done when it is.
            case .leave: mayLeave = true
            }
        }
    }

    /// A second interrupt does not wait for the step and the save.
    private func leaveAtOnceIfInsisting() {
        guard interrupts >= 2, result.value == nil else { return }
        screen.close()
        _exit(130)
    }

    private mutating func hangUp() {
        guard !isHungUp else { return }
        isHungUp = true
        sendStop()
        screen.close()
    }

    // MARK: Measures

    /// Microseconds from reading a key to its frame being written, a line each.
    func writeLatencies() {
        guard let measures else { return }
        let lines = latencies.map { "\($0)\n" }.joined()
        do {
            try lines.write(toFile: measures, atomically: false, encoding: .utf8)
        } catch {
            FileHandle.standardError.write(
                Data("frostline: cannot write \(measures): \(error.localizedDescription)\n".utf8))
        }
    }
}

extension TrainingEvent {
    /// One of many that each move a number or a line a little.
    fileprivate var isFigure: Bool {
        switch self {
        case .step, .progress: true
        default: false
        }
    }
}
