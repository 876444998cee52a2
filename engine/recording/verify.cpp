#include "engine/recording/verify.h"

#include "engine/recording/chain_check.h"
#include "engine/recording/fold.h"
#include "engine/recording/pyramid.h"
#include "engine/recording/schema.h"
#include "engine/recording/wal_check.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace engine {
namespace {

std::string seconds(std::int64_t t)
{
    return fmt::format("{:.1f} s", static_cast<double>(t) / 1e6);
}

tl::unexpected<Error> changed(const std::string &what)
{
    return fail(ErrorCode::Untrusted, "The recording was changed: " + what);
}

/// Statements over a large file take longer than any page may ask for.
Micros budgetFor(const std::filesystem::path &path)
{
    std::error_code error;
    const auto bytes = std::filesystem::file_size(path, error);
    constexpr std::uintmax_t kPerSecond = 10u << 20;
    return Micros{10'000'000 + (error ? 0 : static_cast<int>(bytes / kPerSecond) * 1'000'000)};
}

Result<> checkLog(const std::filesystem::path &path, VerifyReport &report)
{
    const auto log = checkWal(path.string() + "-wal");
    if (!log)
        return tl::unexpected(log.error());
    if (log->headerIsDamaged)
        return changed("its -wal file does not begin as one");
    if (log->commitsBehind > 1)
        return changed(fmt::format("byte {} of its -wal file does not check, and {} commits behind "
                                   "it are cut off by that",
                                   log->at, log->commitsBehind));
    if (log->commitsBehind == 1)
        report.notes.push_back("The last commit in its -wal file is torn and left out");
    report.notes.push_back("Read together with its -wal file; keep both");
    return {};
}

Result<> checkPages(RecordingReader &reader)
{
    reader.database().renewBudget();
    const auto said = reader.database().single("PRAGMA integrity_check(1)");
    if (!said)
        return tl::unexpected(said.error());
    return *said == "ok" ? Result<>() : changed("its pages do not fit together: " + *said);
}

Result<> checkFold(RecordingReader &reader, VerifyReport &report)
{
    const auto cursor = foldRecording(reader, INT64_MAX, true);
    if (!cursor)
        return tl::unexpected(cursor.error());
    if (cursor->differsAt != INT64_MIN)
        return changed("the state at " + seconds(cursor->differsAt)
                       + " does not come out as recorded");
    if (!reader.keyframesAreOurs())
        report.notes.push_back("Recorded by another version of the fold: keyframes were not "
                               "compared");
    return {};
}

Result<> checkVersion(RecordingReader &reader)
{
    const auto facts = reader.meta();
    if (!facts)
        return tl::unexpected(facts.error());
    const auto chain = facts->find("chain");
    if (chain == facts->end() || chain->second != schema::kChain)
        return fail(ErrorCode::InvalidInput,
                    "The recording was sealed in a way that this version does not know; verify it "
                    "with the version that made it",
                    reader.path().string());
    return {};
}

/// All checks; the first finding counts, but the chain is always walked: it says what is sound.
Result<> checkAll(RecordingReader &reader, ChainReport &chain, VerifyReport &report,
                  const VerifyOptions &options)
{
    auto finding = reader.wasUnclosed() ? checkLog(reader.path(), report) : Result<>();
    if (auto pages = checkPages(reader); finding && !pages)
        finding = std::move(pages);
    if (auto version = checkVersion(reader); finding && !version)
        finding = std::move(version);
    if (auto walked = checkChain(reader, chain, options.goOn); finding && !walked)
        finding = std::move(walked);
    if (!finding)
        return finding;
    DR_RETURN_IF_ERROR(checkPyramid(reader));
    return checkFold(reader, report);
}

std::string textOf(const std::map<std::string, std::string> &facts, const std::string &name)
{
    const auto it = facts.find(name);
    return it == facts.end() ? "" : it->second;
}

/// Whose part it is: "run R (title)".
std::string originalOf(RecordingReader &reader)
{
    const auto facts = reader.meta();
    if (!facts)
        return "a recording";
    const auto run = textOf(*facts, "run"), title = textOf(*facts, "title");
    if (run.empty() && title.empty())
        return "a recording";
    return "recording " + (run.empty() ? title : title.empty() ? run : run + " (" + title + ")");
}

void sayUnfinished(const ChainReport &chain, bool isClosed, VerifyReport &report)
{
    report.exitCode = 3;
    report.sentence = !isClosed ? "The recording was never closed; what it holds is whole"
                      : chain.signer.empty() ? "The recording is whole, but nobody sealed it"
                                             : "The recording is whole, but its tail is not sealed";
    report.sentence += fmt::format(", up to {}", seconds(report.soundTo));
}

void saySound(RecordingReader &reader, const ChainReport &chain, VerifyReport &report)
{
    report.exitCode = 0;
    const auto holds = fmt::format("{} events and {} rows", report.events, report.rows);
    if (!chain.isTrimmed) {
        report.sentence = "Sound: " + holds + ", sealed by " + report.signer;
        return;
    }
    report.sentence =
        fmt::format("Sound: trimmed from {} to {} of {}, signed by {}: {}",
                    chain.keptFrom == INT64_MIN ? "the start" : seconds(chain.keptFrom),
                    seconds(chain.keptTo), originalOf(reader), report.signer, holds);
}

} // namespace

VerifyReport verifyRecording(const std::filesystem::path &path, const Clock &clock,
                             const VerifyOptions &options)
{
    VerifyReport report;
    auto reader = RecordingReader::open(path, clock);
    if (!reader) {
        report.sentence = reader.error().text();
        return report;
    }
    if (reader->isNewer()) {
        report.sentence = "The recording was made by a newer Drillroom (format " + reader->version()
                          + "): it can be played, but only a program of that format can prove it";
        return report;
    }
    reader->database().setBudget(clock, budgetFor(path));
    ChainReport chain;
    const auto done = checkAll(*reader, chain, report, options);
    report.batches = chain.batches;
    report.sealedBatches = chain.sealed;
    report.events = chain.events;
    report.rows = chain.rows;
    report.keyframes = chain.keyframes;
    report.soundTo = chain.soundTo;
    report.soundSeq = chain.soundSeq;
    report.signer = chain.signer;
    report.isTrimmed = chain.isTrimmed;
    if (reader->hasStrayLog())
        report.notes.push_back("A -wal file lies beside it that is not its own; it was not read");
    if (!done) {
        report.exitCode = done.error().code == ErrorCode::Untrusted ? 5 : 4;
        report.sentence = done.error().text();
        report.notes.push_back(chain.soundTo == INT64_MIN
                                   ? "Nothing of it is proven"
                                   : "The chain holds up to " + seconds(chain.soundTo));
        return report;
    }
    const auto closed = reader->isClosed();
    if (!closed) {
        report.sentence = closed.error().text();
        return report;
    }
    if (const auto gaps = reader->gaps(); gaps && !gaps->empty())
        report.notes.push_back(std::to_string(gaps->size())
                               + " gaps: something was lost and is named as lost");
    if (!options.signer.empty() && report.signer != options.signer) {
        report.exitCode = 5;
        report.sentence = report.signer.empty() ? "The recording is not sealed by " + options.signer
                                                : "The recording is sealed by " + report.signer
                                                      + ", not by " + options.signer;
        return report;
    }
    if (!*closed || !chain.isWholeTail) {
        sayUnfinished(chain, *closed, report);
        return report;
    }
    saySound(*reader, chain, report);
    if (options.signer.empty())
        report.notes.push_back("Compare the signer, or pass it with --signer");
    return report;
}

std::string toJson(const VerifyReport &report)
{
    nlohmann::ordered_json json;
    json["exit_code"] = report.exitCode;
    json["sound"] = report.exitCode == 0;
    json["sentence"] = report.sentence;
    json["signer"] = report.signer.empty() ? nlohmann::ordered_json(nullptr)
                                           : nlohmann::ordered_json(report.signer);
    json["notes"] = report.notes;
    json["batches"] = report.batches;
    json["sealed_batches"] = report.sealedBatches;
    json["events"] = report.events;
    json["rows"] = report.rows;
    json["keyframes"] = report.keyframes;
    json["sound_to_us"] = report.soundTo == INT64_MIN ? nlohmann::ordered_json(nullptr)
                                                      : nlohmann::ordered_json(report.soundTo);
    json["sound_to_seq"] = report.soundSeq;
    json["trimmed"] = report.isTrimmed;
    return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

} // namespace engine
