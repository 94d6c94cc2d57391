import Foundation
import TrainingEvents

/// How long keys take, where FROSTLINE_LATENCY_LOG names a file: microseconds from reading a key to its frame being
/// written, a line each; in a second file, whose name ends in `.answers`, to the frame that shows what the engine made of
/// a change of the mask or of the rate.
struct LatencyLog {
    private let path: String
    private var keys: [UInt64] = []
    private var answers: [UInt64] = []
    /// When commands were sent that are not answered yet, and those whose answers are not drawn yet.
    private var asked: [CommandID: UInt64] = [:]
    private var askedRates: [UInt64] = []
    private var answered: [UInt64] = []

    /// nil where nothing is to be measured.
    init?(environment: [String: String] = ProcessInfo.processInfo.environment) {
        guard let path = environment["FROSTLINE_LATENCY_LOG"], !path.isEmpty else { return nil }
        self.path = path
    }

    private static func now() -> UInt64 { DispatchTime.now().uptimeNanoseconds }

    /// `began`: nanoseconds.
    mutating func drewKey(since began: UInt64) { keys.append((Self.now() - began) / 1000) }

    mutating func sent(_ command: TrainingCommand, _ id: CommandID?) {
        if let id { asked[id] = Self.now() }
        if case .scaleLearningRate = command { askedRates.append(Self.now()) }
    }

    mutating func take(_ event: TrainingEvent) {
        switch event {
        case .freeze(let report):
            if let began = report.answers.flatMap({ asked.removeValue(forKey: $0) }) { answered.append(began) }
        case .learningRate: if !askedRates.isEmpty { answered.append(askedRates.removeFirst()) }
        default: break
        }
    }

    mutating func drewFrame() {
        answers += answered.map { (Self.now() - $0) / 1000 }
        answered = []
    }

    func write() {
        for (path, values) in [(path, keys), (path + ".answers", answers)] {
            let lines = values.map { "\($0)\n" }.joined()
            do { try lines.write(toFile: path, atomically: false, encoding: .utf8) } catch {
                Frostline.printError("cannot write \(path): \(error.localizedDescription)")
            }
        }
    }
}
