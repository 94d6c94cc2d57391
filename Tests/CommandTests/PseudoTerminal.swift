import Foundation
import ProcessTestSupport
import Synchronization

/// The built program on a pseudo-terminal: keys go in, and what it draws is kept.
final class PseudoTerminal: Sendable {
    /// TIOCSPTLCK and TIOCGPTN.
    private static let unlockRequest: UInt = 0x4004_5431
    private static let numberRequest: UInt = 0x8004_5430

    private let main: Int32
    private let process: Child
    private let drawn = Mutex<[UInt8]>([])

    /// nil where the system gives no pseudo-terminal.
    init?(
        _ arguments: [String], folder: String, environment: [String: String] = [:], width: UInt16 = 120,
        height: UInt16 = 40
    ) throws {
        // Glibc's own functions for this are not in its Swift module; Linux has them as requests.
        main = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
        var (unlock, number): (Int32, Int32) = (0, 0)
        guard main >= 0, ioctl(main, Self.unlockRequest, &unlock) == 0, ioctl(main, Self.numberRequest, &number) == 0
        else { return nil }
        let side = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY)
        guard side >= 0 else { return nil }
        var size = winsize(ws_row: height, ws_col: width, ws_xpixel: 0, ws_ypixel: 0)
        _ = ioctl(side, UInt(TIOCSWINSZ), &size)
        let terminal = FileHandle(fileDescriptor: side, closeOnDealloc: true)
        var variables = ProcessInfo.processInfo.environment
        variables["TORCH_HOME"] = folder + "/torch"
        variables["XDG_CACHE_HOME"] = folder + "/cache"
        variables["TERM"] = "xterm-256color"
        variables["LC_ALL"] = "C.UTF-8"
        variables["LINES"] = nil
        variables["COLUMNS"] = nil
        process = try Child(
            CommandHarness.program.path, arguments, folder: folder, environment: variables.merging(environment) { $1 },
            input: terminal, output: terminal)
        let thread = Thread { [self] in
            var buffer = [UInt8](repeating: 0, count: 65536)
            while true {
                let count = read(main, &buffer, buffer.count)
                if count <= 0 { return }
                drawn.withLock { $0 += buffer[..<count] }
            }
        }
        thread.start()
    }

    /// Whether it was stopped, as ^Z does.
    var isStopped: Bool {
        let text = try? String(contentsOfFile: "/proc/\(process.processIdentifier)/stat", encoding: .utf8)
        return text?.split(separator: ")").last?.trimmingPrefix(" ").first == "T"
    }

    /// What `fg` does.
    func carryOn() { kill(process.processIdentifier, SIGCONT) }

    var isRunning: Bool { process.isRunning }

    var processIdentifier: Int32 { process.processIdentifier }

    /// The process that trains for the dashboard; nil before it is there.
    var engineIdentifier: Int32? {
        let own = "\(processIdentifier)"
        let numbers = (try? FileManager.default.contentsOfDirectory(atPath: "/proc"))?.compactMap { Int32($0) } ?? []
        return numbers.first { number in
            guard let text = try? String(contentsOfFile: "/proc/\(number)/stat", encoding: .utf8) else { return false }
            // The parent's number is the second field behind the name, which may hold blanks.
            return text.split(separator: ")").last?.split(separator: " ").dropFirst().first.map(String.init) == own
        }
    }

    func press(_ keys: String) {
        let bytes = Array(keys.utf8)
        _ = write(main, bytes, bytes.count)
    }

    /// What was drawn since the last call, without escape sequences.
    func take() -> String {
        let bytes = drawn.withLock { bytes in
            defer { bytes = [] }
            return bytes
        }
        var plain: [UInt8] = []
        var at = 0
        while at < bytes.count {
            if bytes[at] == 0x1B, at + 1 < bytes.count {
                at += 1
                if bytes[at] == UInt8(ascii: "[") {
                    at += 1
                    while at < bytes.count, !(0x40...0x7E).contains(bytes[at]) { at += 1 }
                } else if bytes[at] == UInt8(ascii: "(") {
                    at += 1
                }
                // A move of the cursor parts words.
                plain.append(UInt8(ascii: " "))
            } else {
                plain.append(bytes[at])
            }
            at += 1
        }
        return String(decoding: plain, as: UTF8.self)
    }

    /// Redraws until the screen shows the text; false where it does not within the time.
    func shows(_ text: String, within seconds: Double = 20) -> Bool {
        shows(within: seconds) { $0.contains(text) }
    }

    func shows(within seconds: Double = 4, where condition: (String) -> Bool) -> Bool {
        let end = Date().addingTimeInterval(seconds)
        var seen = ""
        while Date() < end {
            press("\u{0C}")
            Thread.sleep(forTimeInterval: 0.1)
            seen = take()
            if condition(seen) { return true }
            if !isRunning { return false }
        }
        return false
    }

    /// The exit code, nil where the program had to be killed.
    func wait(within seconds: Double = 60) -> Int32? {
        let end = Date().addingTimeInterval(seconds)
        while isRunning, Date() < end { Thread.sleep(forTimeInterval: 0.05) }
        if isRunning {
            process.terminate()
            Thread.sleep(forTimeInterval: 1)
            if isRunning { kill(process.processIdentifier, SIGKILL) }
            return nil
        }
        return max(-1, process.code)
    }

    deinit { close(main) }
}
