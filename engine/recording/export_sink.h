#pragma once
// What a format does with the events and rows of a recording: private to the export.

#include "engine/recording/export.h"
#include "engine/recording/reader.h"

#include <cstdio>
#include <fstream>
#include <memory>

namespace engine {

/// A file that takes its name when it is whole; removed otherwise. One thread.
class ExportFile
{
public:
    explicit ExportFile(std::filesystem::path path);
    ~ExportFile();
    ExportFile(const ExportFile &) = delete;
    ExportFile &operator=(const ExportFile &) = delete;
    [[nodiscard]] Result<> open();
    void write(std::string_view text)
    {
        m_out.write(text.data(), static_cast<std::streamsize>(text.size()));
    }
    [[nodiscard]] bool isGood() const { return m_out.good(); }
    [[nodiscard]] Result<> finish();
    [[nodiscard]] const std::filesystem::path &path() const { return m_path; }

private:
    std::filesystem::path m_path, m_part;
    std::ofstream m_out;
    bool m_isDone = false;
};

/// What all formats know of the recording.
struct ExportFacts
{
    std::map<std::string, std::string> meta;
    std::vector<SeriesColumn> columns; ///< those asked for
    std::vector<std::size_t> places;   ///< of each in a row
    std::int64_t wall = 0;             ///< us since 1970 at t = 0; 0 = not known
    std::int64_t start = 0;            ///< us since t = 0 of the first thing that is exported
};

class ExportSink
{
public:
    virtual ~ExportSink() = default;
    [[nodiscard]] virtual Result<> begin() = 0;
    virtual void event(const Event &event) = 0;
    virtual void row(const RowView &row) = 0;
    [[nodiscard]] virtual Result<> finish(std::int64_t end, ExportReport &report) = 0;
    [[nodiscard]] virtual bool isGood() const = 0; ///< the disk took everything so far
};

[[nodiscard]] std::unique_ptr<ExportSink> makeCsv(const ExportOptions &, const ExportFacts &);
[[nodiscard]] std::unique_ptr<ExportSink> makeJsonLines(const ExportOptions &, const ExportFacts &);
[[nodiscard]] std::unique_ptr<ExportSink> makePerfetto(const ExportOptions &, const ExportFacts &);
[[nodiscard]] std::unique_ptr<ExportSink> makePrometheus(const ExportOptions &,
                                                         const ExportFacts &);

/// The value of the asked column, NaN where the row is too short for it.
[[nodiscard]] float valueAt(const RowView &row, std::size_t place);
/// "2026-11-22T14:03:07.120Z", or "" when the wall clock at t = 0 is not known.
[[nodiscard]] std::string timeText(const ExportFacts &facts, std::int64_t t);
/// A JSON string with its quotes; bytes that are no UTF-8 are replaced.
[[nodiscard]] std::string jsonText(const std::string &text);

} // namespace engine
