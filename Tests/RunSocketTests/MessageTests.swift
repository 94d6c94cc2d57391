import Foundation
import FuzzSupport
import Network
import RunSocket
import Support
import Testing
import TrainingEvents

/// What goes through a run's socket: frames and the messages in them.
@Suite struct MessageTests {
    static let commands: [TrainingCommand] = [
        .setFrozen(["fc.weight", "ключ\u{1B}[2J"], true), .mask(trainable: []), .pause, .resume, .save, .stepOnce,
        .validate, .scaleLearningRate(by: 0.5), .inspect(["conv1.weight"]), .watch(true), .stop,
    ]

    static let clientMessages: [ClientMessage] =
        [.hello(.dashboard, terminal: "pts/3"), .hello(.reader, terminal: nil), .leave]
        + commands.map { .command(CommandRequest($0, id: CommandID(number: 7))) } + [.command(CommandRequest(.save))]

    static let events: [TrainingEvent] = {
        let score = Score(loss: .nan, accuracy: 0.25)
        let step = StepReport(
            step: 3, epoch: 1, stepInEpoch: 3, stepsPerEpoch: 5, loss: .infinity, accuracy: 1, learningRate: 1e-3,
            images: 8, milliseconds: 1.5, gradientNorms: ["fc.weight": -.infinity], updateRatios: ["fc.weight": 1e-9])
        let thumbnail = Thumbnail(width: 2, height: 1, pixels: [0, 1, 2, 253, 254, 255])
        let mistake = Mistake(
            name: "a\u{07}.png", actual: 0, predicted: 1, predictedProbability: 0.9, actualProbability: 0.1,
            picture: thumbnail, predictedHeat: ClassHeat(side: 2, levels: [0, 1, 254, 255]),
            actualHeat: ClassHeat(side: 32, levels: (0..<1024).map { UInt8($0 & 255) }))
        let requester = Requester(client: 2, user: "ada", terminal: nil)
        return [
            .step(step),
            .epoch(EpochReport(epoch: 1, step: 5, training: score, validation: nil, seconds: 2, isBest: true)),
            .freeze(
                FreezeReport(step: 2, trainable: ["fc.bias"], frostLine: "fc", answers: CommandID(client: 2, number: 1))
            ),
            .refused(reason: "no", answers: nil), .cache(.off(reason: "augmentation is random")),
            .cache(.on(frostLine: "fc", bytesPerImage: 2048, cached: 3, total: 4)),
            .proof(FreezeProof(step: 3, tensorCount: 60, broken: [])),
            .paused(step: 3, reason: .saveFailed(.diskFull, message: "run/x: disk full")), .resumed(step: 4),
            .saved(SaveReport(step: 3, path: "run", bestStep: 2)),
            .mistakes(
                MistakesReport(step: 3, actual: [1, 2], predicted: [2, 1], matrix: [1, 0, 1, 1], mistakes: [mistake])),
            .notFinite(NotFiniteReport(step: 3, weightsOfStep: 1)), .asked(CommandRequest(.pause), by: requester),
            .dashboards([requester]), .warning("w"), .notice(""),
            .finished(
                RunSummary(
                    steps: 5, epochs: 1, stopped: true, seconds: 9, bestEpoch: nil, best: nil, last: score,
                    output: "run")),
            .failed("why"),
        ]
    }()

    @Test func `every message comes out as it went in`() throws {
        let coder = MessageCoder()
        var reader = FrameReader()
        for message in Self.clientMessages { reader.append(try coder.frame(message)) }
        for message in Self.clientMessages {
            let body = try #require(try reader.next())
            #expect(try coder.message(ClientMessage.self, in: body) == message)
        }
        #expect(try reader.next() == nil && !reader.isInsideFrame)
        for event in Self.events {
            reader.append(try coder.frame(ServerMessage.event(event, at: MetricsPlace(begin: 1, end: 2))))
            let body = try #require(try reader.next())
            guard case .event(let read, let place) = try coder.message(ServerMessage.self, in: body) else {
                Issue.record("\(event) became something else")
                continue
            }
            #expect(place == MetricsPlace(begin: 1, end: 2))
            // A loss that is not a number is not equal to itself.
            #expect("\(read)".sorted() == "\(event)".sorted())
        }
    }

    @Test func `a mistake of an older version has no heat, and heat that is no square is refused`() throws {
        let decoder = JSONDecoder()
        func mistake(_ rest: String) throws -> Mistake {
            let known = #""name":"a","actual":0,"predicted":1,"predictedProbability":0.9,"actualProbability":0.1"#
            return try decoder.decode(Mistake.self, from: Data("{\(known)\(rest)}".utf8))
        }
        let old = try mistake("")
        #expect(old.predicted == 1 && old.predictedHeat == nil && old.actualHeat == nil)
        let heat = ClassHeat(side: 2, levels: [0, 1, 2, 255])
        #expect(try mistake(#","predictedHeat":{"side":2,"levels":"AAEC/w=="}"#).predictedHeat == heat)
        for side in ["3", "0", "-2", "1", "9223372036854775807"] {
            #expect(throws: DecodingError.self, "\(side)") {
                try mistake(#","actualHeat":{"side":\#(side),"levels":"AAEC/w=="}"#)
            }
        }
        #expect(ClassHeat(side: 33, levels: [UInt8](repeating: 0, count: 33 * 33)) == nil)
    }

    @Test func `the largest report of mistakes fits into a message`() throws {
        let picture = Thumbnail(width: 48, height: 48, pixels: [UInt8](repeating: 255, count: 48 * 48 * 3))
        let heat = ClassHeat(side: 32, levels: [UInt8](repeating: 255, count: 1024))
        let mistake = Mistake(
            name: String(repeating: "n", count: 255), actual: 0, predicted: 1, predictedProbability: 1 / 3,
            actualProbability: 1 / 7, picture: picture, predictedHeat: heat, actualHeat: heat)
        let counts = [Int](repeating: 1_000_000, count: MistakesReport.matrixLimit)
        let report = MistakesReport(
            step: 1, actual: counts, predicted: counts, matrix: counts.flatMap { _ in counts },
            mistakes: [Mistake](repeating: mistake, count: 12))
        #expect(try MessageCoder().frame(ServerMessage.event(.mistakes(report), at: nil)).count < Frame.largest / 2)
    }

    @Test func `a frame that comes byte by byte is one message, and two at once are two`() throws {
        let coder = MessageCoder()
        let frame = try coder.frame(ClientMessage.leave)
        var reader = FrameReader()
        for byte in frame.dropLast() {
            reader.append([byte])
            #expect(try reader.next() == nil && reader.isInsideFrame)
        }
        reader.append(frame.suffix(1) + frame)
        for _ in 0..<2 { #expect(try coder.message(ClientMessage.self, in: #require(try reader.next())) == .leave) }
        #expect(try reader.next() == nil)
    }

    @Test func `what is no frame, of another version or too long is refused as soon as it is seen`() throws {
        func error(_ bytes: [UInt8]) -> FrameError? {
            var reader = FrameReader()
            reader.append(bytes)
            do throws(FrameError) {
                _ = try reader.next()
                return nil
            } catch { return error }
        }
        #expect(error([UInt8(ascii: "G")]) == .foreign)
        #expect(error(Array("FL".utf8) + [9]) == .version(9))
        #expect(error(Array("FL".utf8) + [Frame.version, 1]) == .foreign)
        #expect(error(Array("FL".utf8) + [Frame.version, 0, 1, 0, 16, 0]) == .tooLarge((1 << 20) + 1))
        #expect(error(Array("FL".utf8) + [Frame.version, 0, 0, 0, 16, 0]) == nil)
        #expect(throws: FrameError.tooLarge((1 << 20) + 1)) {
            try Frame.bytes(around: [UInt8](repeating: 0, count: (1 << 20) + 1))
        }
        let coder = MessageCoder()
        for body in [
            #"{"dance":{}}"#, #"{"leave":{},"hello":{}}"#, "[]", "", #"{"command":{"_0":{"command":{"fly":{}}}}}"#,
        ] {
            #expect(throws: FrameError.unknown, "\(body)") {
                try coder.message(ClientMessage.self, in: ArraySlice(Array(body.utf8)))
            }
        }
    }
}

/// Spoiled frames are messages or errors, never a crash, in bounded memory. FROSTLINE_FUZZ says how many.
@Suite struct MessageFuzzTests {
    @Test func `spoiled frames of both sides`() throws {
        let coder = MessageCoder()
        var corpus = try MessageTests.clientMessages.map { try coder.frame($0) }
        corpus += try MessageTests.events.map { try coder.frame(ServerMessage.event($0, at: nil)) }
        corpus.append(
            try coder.frame(ServerMessage.welcome(Welcome(client: 1, process: 2, metricsEnd: nil, isPaused: true))))
        var (whole, refused) = (0, 0)
        let before = ProcessMemory.peak
        Mutator(corpus).run("frame", count: Mutator.count(otherwise: 5000)) { bytes in
            var reader = FrameReader()
            reader.append(bytes)
            do throws(FrameError) {
                while let body = try reader.next() {
                    // Each side reads what the other says, and may be told what it says itself.
                    if let message = try? coder.message(ClientMessage.self, in: body) {
                        _ = try coder.frame(message)
                    } else {
                        _ = try coder.message(ServerMessage.self, in: body)
                    }
                    whole += 1
                }
            } catch { refused += 1 }
        }
        #expect(whole > 0 && refused > 0)
        #expect(ProcessMemory.peak < before + 256 << 20)
    }
}
