import Foundation
import TrainingEvents

/// What a client says.
package enum ClientMessage: Sendable, Equatable, Codable {
    /// The first message of a connection.
    case hello(ClientPurpose, terminal: String?)
    case command(CommandRequest)
    /// The client goes, and the run goes on.
    case leave
}

/// What a connection is for.
package enum ClientPurpose: String, Sendable, Codable {
    /// It shows the run to a person, and sends commands.
    case dashboard
    /// It sends commands and waits for answers.
    case script
    /// It only looks.
    case reader
}

/// What the run's process says.
package enum ServerMessage: Sendable, Equatable, Codable {
    /// The answer to `hello`. What follows are the events that make up the run's present state, then all that happens.
    case welcome(Welcome)
    case event(TrainingEvent, at: MetricsPlace?)
    /// The connection is closed after this. A sentence without capital and full stop.
    case refusal(String)
    /// The answer to `leave`.
    case farewell
}

package struct Welcome: Sendable, Equatable, Codable {
    /// Of all that have ever been attached to this process, counted from 1.
    package var client: Int
    package var process: Int
    /// The length of the metrics.jsonl that the events after this go on from; nil before there is one.
    package var metricsEnd: Int?
    package var isPaused: Bool

    package init(client: Int, process: Int, metricsEnd: Int?, isPaused: Bool) {
        self.isPaused = isPaused
        self.client = client
        self.process = process
        self.metricsEnd = metricsEnd
    }
}

/// Messages to frames and back. Losses may be infinite or not a number, which JSON has no words for of its own.
package struct MessageCoder {
    private let encoder = JSONEncoder()
    private let decoder = JSONDecoder()

    package init() {
        let (positive, negative, none) = ("inf", "-inf", "nan")
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: positive, negativeInfinity: negative, nan: none)
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: positive, negativeInfinity: negative, nan: none)
    }

    /// Throws `FrameError.tooLarge`.
    package func frame(_ message: some Encodable) throws(FrameError) -> [UInt8] {
        // Values of this module's types always encode.
        guard let body = try? encoder.encode(message) else { throw .unknown }
        return try Frame.bytes(around: body)
    }

    /// Throws `FrameError.unknown`.
    package func message<Message: Decodable>(_ type: Message.Type, in body: ArraySlice<UInt8>) throws(FrameError)
        -> Message
    {
        do { return try decoder.decode(type, from: Data(body)) } catch { throw .unknown }
    }
}
