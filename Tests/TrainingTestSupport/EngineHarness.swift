import Foundation
import Network
import Images
import Ranks
import RanksTestSupport
import Training
import TrainingEvents

/// Runs small trainings on drawn pictures and looks at what comes out.
package struct EngineHarness {
    package var options: RunOptions = {
        var options = RunOptions()
        options.imageSize = 32
        options.batchSize = 8
        options.epochs = 2
        options.threads = 2
        options.learningRate = 0.01
        return options
    }()
    package var output: String?
    package var resume = false
    package var tensorBoard = false
    package var pausesWhereSavingFails = false
    package var count = 24

    package init() {}

    package var request: RunRequest {
        var request = RunRequest(
            data: .drawn(
                training: DrawnImages(task: .animals, count: count, size: 36, seed: 1),
                validation: DrawnImages(task: .animals, count: 8, size: 36, seed: 2)),
            weights: .random, options: options, output: output, resume: resume)
        request.tensorBoard = tensorBoard
        request.pausesWhereSavingFails = pausesWhereSavingFails
        return request
    }

    package struct Result {
        package var outcome: RunOutcome
        package var events: [TrainingEvent]

        package init(outcome: RunOutcome, events: [TrainingEvent]) {
            self.outcome = outcome
            self.events = events
        }

        package var steps: [StepReport] { events.compactMap { if case .step(let step) = $0 { step } else { nil } } }
        package var epochs: [EpochReport] {
            events.compactMap { if case .epoch(let epoch) = $0 { epoch } else { nil } }
        }
        package var freezes: [FreezeReport] {
            events.compactMap { if case .freeze(let freeze) = $0 { freeze } else { nil } }
        }
        package var proofs: [FreezeProof] {
            events.compactMap { if case .proof(let proof) = $0 { proof } else { nil } }
        }
    }

    /// `commands` are sent before the run begins, so they take hold before the first step.
    package func run(commands: [TrainingCommand] = []) async -> Result {
        let mailbox = EventMailbox()
        let engine = TrainingEngine(request, mailbox: mailbox)
        commands.forEach(engine.send)
        let outcome = await engine.run()
        return Result(outcome: outcome, events: mailbox.drain())
    }

    /// The same on so many ranks, which are threads of this process; rank 0 gets the commands and has the run folder.
    /// `change` makes a rank's request another one.
    package func run(
        ranks: Int, commands: [TrainingCommand] = [], change: @Sendable (Int, inout RunRequest) -> Void = { _, _ in }
    ) async -> [Result] {
        await withTaskGroup(of: (Int, Result).self) { tasks in
            for group in ThreadRanks.make(ranks) {
                var request = request
                request.group = group
                if !group.isFirst { (request.output, request.resume) = (nil, false) }
                change(group.rank, &request)
                let (mailbox, asked) = (EventMailbox(), request)
                tasks.addTask {
                    let engine = TrainingEngine(asked, mailbox: mailbox)
                    if group.isFirst { commands.forEach(engine.send) }
                    let outcome = await engine.run()
                    return (group.rank, Result(outcome: outcome, events: mailbox.drain()))
                }
            }
            return await tasks.reduce(into: []) { $0.append($1) }.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    package static func mask(_ strategy: Strategy) -> TrainingCommand {
        .mask(trainable: strategy.trainable(of: ResNet.resnet18.parameterNames))
    }

    package static func temporaryFolder() -> String {
        NSTemporaryDirectory() + "/frostline-test-\(UUID().uuidString)"
    }
}
