import Model
import TrainingEvents

/// Tells what happens in a run to everybody who wants to know: the listener, metrics.jsonl, TensorBoard's event files.
/// Lines that cannot be written are kept and said once.
final class RunJournal {
    private let mailbox: EventMailbox
    private let trouble: SaveTrouble
    private var folder: RunFolder?
    private var tensorBoard: TensorBoardLog?
    private var lastProblem: String?

    /// Until `begin` nothing is written.
    init(_ mailbox: EventMailbox, trouble: SaveTrouble) {
        self.mailbox = mailbox
        self.trouble = trouble
    }

    func begin(in folder: RunFolder, tensorBoard: TensorBoardLog?) {
        self.folder = folder
        self.tensorBoard = tensorBoard
    }

    /// For the listener alone: what passes, or is written elsewhere.
    func post(_ event: TrainingEvent) { mailbox.post(event) }

    /// For the listener and for the files. `inMetrics` is false for what metrics.jsonl says already.
    func tell(_ event: TrainingEvent, inMetrics: Bool = true) {
        mailbox.post(event)
        show { try $0.write(event) }
        guard inMetrics, let folder, let line = event.metricsLine else { return }
        if let problem = folder.append(line) { report(problem) } else { lastProblem = nil }
    }

    /// The weights that train, for TensorBoard.
    func showHistograms(of run: TrainingRun) {
        show {
            try $0.writeHistograms(
                run.model.parameters, trainable: run.progress.trainable, step: run.progress.step)
        }
    }

    /// Tries to write the lines that wait.
    func retry() {
        if let problem = folder?.retry() { report(problem) }
    }

    /// At the run's end: tries once more, and says where that fails, though nobody can help any longer.
    func close() {
        if let problem = folder?.retry() { mailbox.post(.warning(problem)) }
    }

    /// Writes for TensorBoard. Where that fails, a line says so and the run goes on without it.
    private func show(_ write: (TensorBoardLog) throws -> Void) {
        guard let log = tensorBoard else { return }
        do { try write(log) } catch {
            tensorBoard = nil
            mailbox.post(.warning("\(error) Nothing more is written for TensorBoard; training goes on."))
        }
    }

    private func report(_ problem: String) {
        trouble.note()
        guard problem != lastProblem else { return }
        lastProblem = problem
        trouble.tell(problem)
    }
}
