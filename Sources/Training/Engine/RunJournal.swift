import TrainingEvents

/// Records what happens in a run: for the listener, in metrics.jsonl and in TensorBoard's event files. Lines that cannot be
/// written are kept, and warned of once.
final class RunJournal {
    private let mailbox: EventMailbox
    private let failures: SaveFailureMonitor
    private var folder: RunFolder?
    private var tensorBoard: TensorBoardLog?
    private var lastFailure: SaveFailure?

    /// Until `begin` nothing is written.
    init(_ mailbox: EventMailbox, failures: SaveFailureMonitor) {
        self.mailbox = mailbox
        self.failures = failures
    }

    func begin(in folder: RunFolder, tensorBoard: TensorBoardLog?) {
        self.folder = folder
        self.tensorBoard = tensorBoard
    }

    /// For the listener alone: what passes, or is written elsewhere.
    func post(_ event: TrainingEvent) { mailbox.post(event, at: place(from: folder?.metricsEnd)) }

    /// For the listener and for the files. `inMetrics` is false for what metrics.jsonl says already.
    func record(_ event: TrainingEvent, inMetrics: Bool = true) {
        writeTensorBoard { try $0.write(event) }
        guard inMetrics, let folder, let line = event.metricsLine else { return post(event) }
        // The line comes first: the listener may look for it in the file.
        let begin = folder.metricsEnd
        write { () throws(SaveFailure) in try folder.append(line) }
        mailbox.post(event, at: place(from: begin))
    }

    /// From there to the end of what was recorded.
    private func place(from begin: Int?) -> MetricsPlace? {
        guard let folder, let begin else { return nil }
        return MetricsPlace(begin: begin, end: folder.metricsEnd)
    }

    /// The weights that train, for TensorBoard.
    func recordHistograms(of run: TrainingRun) {
        writeTensorBoard {
            try $0.writeHistograms(run.model.parameters, trainable: run.progress.trainable, step: run.progress.step)
        }
    }

    /// Tries to write the lines that wait.
    func retry() {
        guard let folder else { return }
        write { () throws(SaveFailure) in try folder.retry() }
    }

    /// At the run's end, however it ends: tries once more, warns of what is lost, and gives the run folder back.
    func close() {
        guard let folder else { return }
        do { try folder.retry() } catch { mailbox.post(.warning("\(error) The run has ended without them.")) }
        warnOfLostLines(folder)
        self.folder = nil
        tensorBoard = nil
    }

    /// Writes for TensorBoard. Where that fails, a line says so and the run goes on without it.
    private func writeTensorBoard(_ write: (TensorBoardLog) throws -> Void) {
        guard let log = tensorBoard else { return }
        do { try write(log) } catch {
            tensorBoard = nil
            mailbox.post(.warning("\(error) Nothing more is written for TensorBoard; training goes on."))
        }
    }

    private func write(_ body: () throws(SaveFailure) -> Void) {
        do {
            try body()
            lastFailure = nil
            if let folder { warnOfLostLines(folder) }
        } catch {
            failures.record(error, isNew: error != lastFailure)
            lastFailure = error
        }
    }

    private func warnOfLostLines(_ folder: RunFolder) {
        let count = folder.takeLostLines()
        guard count > 0 else { return }
        mailbox.post(
            .warning("\(folder.file(RunFolder.metricsName)): \(count) lines found no room, and are missing in it"))
    }
}
