/// How far the demonstration has come. Sent before each of its runs is opened, and after the last.
package struct StoryReport: Sendable, Equatable, Codable {
    package enum Act: String, Sendable, Codable {
        case taskA, fromRandom, taskB
        /// Both trainings of task B are done.
        case end
    }

    package var act: Act
    /// What task B starts from: "task A", or "pretraining" where a file with weights was found.
    package var start: String
    /// The pictures that task B trains on, from either start.
    package var pictures: Int
    /// Task B's validation accuracy after its last epoch; nil before that.
    package var afterStart: Double?
    package var fromRandom: Double?

    package init(
        act: Act, start: String, pictures: Int, afterStart: Double? = nil, fromRandom: Double? = nil
    ) {
        self.act = act
        self.start = start
        self.pictures = pictures
        self.afterStart = afterStart
        self.fromRandom = fromRandom
    }
}
