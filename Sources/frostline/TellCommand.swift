import ArgumentParser
import Foundation
import Network
import RunSocket
import Support
import Training
import TrainingEvents

struct TellCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tell",
        abstract: "Sends one command to a run that another process trains, and waits for the answer.",
        discussion: """
            freeze PATTERN · thaw PATTERN · strategy head|partial|full · pause · resume · save · validate · probe (what \
            thawing each frozen group is worth) · auto (gives it the mask) · rate FACTOR (times the schedule's learning \
            rate) · stop. What happened is printed; where the run refuses, or ends before it answers, the exit code is 1.
            """)

    @Argument(help: ArgumentHelp("The run folder.", valueName: "run"), completion: .runFolders) var folder: String
    @Argument(help: ArgumentHelp("The command and its argument.", valueName: "command"), completion: .tellWords)
    var words: [String]
    @Flag(help: "Print the answer as one JSON object.") var json = false

    func run() throws {
        let wish = try Wish(words)
        let run = try LiveRuns.attach(to: folder, purpose: .script, readsHistory: false)
        let answer = try Self.answer(to: wish, from: run)
        // As for `wait`: what comes after a stop may move the folder or remove it.
        if case .finished = answer { run.waitUntilClosed() } else { run.leave() }
        if case .refused(let reason, _) = answer { throw TrainingError.refused("\(folder): \(reason).") }
        if case .failed(let message) = answer { throw TrainingError.refused("\(folder): \(message)") }
        if json { return StandardStreams.json(answer.answerJSON) }
        var lines = EventLines()
        if let line = lines.line(for: answer) { StandardStreams.line(line) }
    }

    /// Sends the command once the run's parameters are known, and waits for the event that answers it.
    private static func answer(to wish: Wish, from run: AttachedRun) throws -> TrainingEvent {
        let id = CommandID(number: 1)
        var (isSent, isUnderWay) = (false, false)
        var lastStep = 0
        var answer: TrainingEvent?
        let outcome = try run.mailbox.follow({ await run.run() }) { event in
            switch event {
            case .opened(let description) where !isSent:
                isSent = true
                run.send(CommandRequest(try wish.command(names: description.parameters.map(\.name)), id: id))
            // What was on its way before the command was taken is no answer to it.
            case .asked(let request, _) where request.id == id: isUnderWay = true
            case .refused(_, id): answer = event
            case .step(let report) where !isUnderWay: lastStep = report.step
            case .paused(let step, _) where !isUnderWay: lastStep = step
            default: break
            }
            if isUnderWay, wish.isAnswered(by: event, id, lastStep: lastStep) { answer = event }
            return answer != nil
        }
        if let answer { return answer }
        if let failure = outcome?.failure { return .failed(failure) }
        if wish.word == .stop, let summary = outcome?.summary { return .finished(summary) }
        return .failed("the run has ended before it answered")
    }

    /// A command in words.
    struct Wish {
        enum Word: String, CaseIterable {
            case freeze, thaw, strategy, pause, resume, save, validate, probe, auto, rate, stop
        }

        let word: Word
        private let argument: String?

        init(_ words: [String]) throws {
            let known = Word.allCases.map(\.rawValue).joined(separator: ", ")
            guard let first = words.first, let word = Word(rawValue: first) else {
                throw TrainingError.option("tell", found: words.first ?? "nothing", expected: "one of \(known)")
            }
            let takesArgument = [.freeze, .thaw, .strategy, .rate].contains(word)
            guard words.count == (takesArgument ? 2 : 1) else {
                throw TrainingError.option(
                    "tell \(first)", found: words.dropFirst().joined(separator: " "),
                    expected: takesArgument ? "one argument" : "nothing more")
            }
            self.word = word
            argument = words.dropFirst().first
            if word == .rate { _ = try factor() }
            if word == .strategy { _ = try strategy() }
        }

        private func factor() throws -> Double {
            guard let factor = argument.flatMap(Double.init), factor.isFinite, factor > 0 else {
                throw TrainingError.option("tell rate", found: argument ?? "", expected: "a number above 0")
            }
            return factor
        }

        private func strategy() throws -> Strategy {
            guard let strategy = argument.flatMap(Strategy.init(rawValue:)) else {
                throw TrainingError.option(
                    "tell strategy", found: argument ?? "",
                    expected: Strategy.allCases.map(\.rawValue).joined(separator: ", "))
            }
            return strategy
        }

        func command(names: [String]) throws -> TrainingCommand {
            switch word {
            case .freeze, .thaw:
                let pattern = argument ?? ""
                let matching = ParameterPattern(pattern).matching(names)
                guard !matching.isEmpty else {
                    throw TrainingError.option(
                        "tell \(word.rawValue)", found: pattern, expected: "a pattern that matches a parameter's name")
                }
                return .setFrozen(matching, word == .freeze)
            case .strategy: return .mask(trainable: try strategy().trainable(of: names))
            case .pause: return .pause
            case .resume: return .resume
            case .save: return .save
            case .validate: return .validate
            case .probe: return .probe
            case .auto: return .auto
            case .rate: return .scaleLearningRate(by: try factor())
            case .stop: return .stop
            }
        }

        /// `lastStep`, before the command was taken: a save of an earlier one was under way before.
        func isAnswered(by event: TrainingEvent, _ id: CommandID, lastStep: Int) -> Bool {
            switch (word, event) {
            case (.freeze, .freeze(let report)), (.thaw, .freeze(let report)), (.strategy, .freeze(let report)):
                report.answers == id
            case (.probe, .probe(let report)): report.answers == id
            case (.save, .saved(let report)): report.step >= lastStep
            case (.auto, .decision(let decision)): decision.choice == .begins
            case (.pause, .paused), (.resume, .resumed), (.validate, .validation), (.rate, .learningRate),
                (.stop, .finished):
                true
            default: false
            }
        }
    }
}

extension TrainingEvent {
    /// One of the answers that `tell` prints: its line of metrics.jsonl where it has one, else in the same manner.
    var answerJSON: JSON {
        switch self {
        case .paused(let step, _): .object([("kind", .string("paused")), ("step", .integer(step))])
        case .resumed(let step): .object([("kind", .string("resumed")), ("step", .integer(step))])
        case .saved(let report):
            .object([("kind", .string("saved")), ("step", .integer(report.step)), ("path", .string(report.path))])
        case .finished(let summary): .object([("kind", .string("finished"))] + summary.pairs)
        default: metricsLine ?? .null
        }
    }
}
