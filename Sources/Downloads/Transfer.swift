import Foundation
import FoundationNetworking

/// One request for the rest of a file, from where the partial one ends.
///
/// `@unchecked Sendable`: the session calls its delegate on one serial queue, and the caller looks at the result only after
/// `done` was signalled at the end of the last call.
final class Transfer: NSObject, URLSessionDataDelegate, @unchecked Sendable {
    enum Result {
        case complete
        /// The server has no such rest: what is there belongs to another file.
        case startAgain
        case refused(status: Int)
        case interrupted(reason: String, total: Int?)
        /// Writing failed.
        case broken(DownloadError)
    }

    private let part: PartialFile
    private let progress: @Sendable (Int, Int?) -> Void
    private let done = DispatchSemaphore(value: 0)
    private var result: Result?
    private var total: Int?

    private init(_ part: PartialFile, _ progress: @escaping @Sendable (Int, Int?) -> Void) {
        self.part = part
        self.progress = progress
    }

    static func run(
        _ source: URL, into part: PartialFile, patience: TimeInterval,
        _ progress: @escaping @Sendable (Int, Int?) -> Void
    ) -> Result {
        let transfer = Transfer(part, progress)
        let configuration = URLSessionConfiguration.ephemeral
        configuration.timeoutIntervalForRequest = patience
        let queue = OperationQueue()
        queue.maxConcurrentOperationCount = 1
        let session = URLSession(configuration: configuration, delegate: transfer, delegateQueue: queue)
        defer { session.invalidateAndCancel() }
        var request = URLRequest(url: source)
        // A compressed answer would have other lengths than the file.
        request.setValue("identity", forHTTPHeaderField: "Accept-Encoding")
        if part.count > 0 { request.setValue("bytes=\(part.count)-", forHTTPHeaderField: "Range") }
        session.dataTask(with: request).resume()
        transfer.done.wait()
        return transfer.result ?? .interrupted(reason: "no answer", total: nil)
    }

    func urlSession(
        _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
        completionHandler: @escaping (URLSession.ResponseDisposition) -> Void
    ) {
        guard let response = response as? HTTPURLResponse else {
            result = .interrupted(reason: "this is not HTTP", total: nil)
            return completionHandler(.cancel)
        }
        let length = response.expectedContentLength
        switch response.statusCode {
        case 200:
            // The whole file, whatever was asked for.
            do throws(DownloadError) { try part.empty() } catch {
                result = .broken(error)
                return completionHandler(.cancel)
            }
            total = length >= 0 ? Int(length) : nil
        case 206:
            guard Self.start(of: response) == part.count else {
                result = .startAgain
                return completionHandler(.cancel)
            }
            total = length >= 0 ? part.count + Int(length) : nil
        case 416:
            // "bytes */N": nothing is left where N bytes are here already.
            let range = response.value(forHTTPHeaderField: "Content-Range") ?? ""
            result = range.split(separator: "/").last.flatMap { Int($0) } == part.count ? .complete : .startAgain
            return completionHandler(.cancel)
        default:
            result = .refused(status: response.statusCode)
            return completionHandler(.cancel)
        }
        progress(part.count, total)
        completionHandler(.allow)
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        guard result == nil else { return }
        do throws(DownloadError) {
            try part.append(data)
            progress(part.count, total)
        } catch {
            result = .broken(error)
            dataTask.cancel()
        }
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        if result == nil {
            if let error {
                result = .interrupted(reason: Self.reason(error), total: total)
            } else if let total, part.count != total {
                result = .interrupted(reason: "the connection was closed", total: total)
            } else {
                result = .complete
            }
        }
        done.signal()
    }

    /// The first byte of `Content-Range: bytes FIRST-LAST/TOTAL`.
    private static func start(of response: HTTPURLResponse) -> Int? {
        guard let range = response.value(forHTTPHeaderField: "Content-Range"), range.hasPrefix("bytes ") else {
            return nil
        }
        return range.dropFirst(6).split(separator: "-").first.flatMap { Int($0) }
    }

    private static func reason(_ error: any Error) -> String {
        guard let error = error as? URLError else { return "\(error.localizedDescription)" }
        switch error.code {
        case .timedOut: return "no answer in time"
        case .cannotFindHost, .dnsLookupFailed: return "its name is not known; is there a network?"
        case .cannotConnectToHost: return "no connection; is there a network?"
        case .networkConnectionLost: return "the connection was lost"
        case .secureConnectionFailed, .serverCertificateUntrusted, .serverCertificateHasBadDate:
            return "its certificate cannot be trusted"
        default: return error.localizedDescription
        }
    }
}
