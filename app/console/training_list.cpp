#include "app/console/training_list.h"

#include "engine/recording/open.h"

#include <algorithm>
#include <fstream>

namespace console {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMost = 100;

std::string stampOf(const fs::path &file)
{
    std::string stamp;
    for (const auto &part : {file, fs::path(file.string() + "-wal")}) {
        std::error_code error;
        const auto size = fs::file_size(part, error);
        const auto time = fs::last_write_time(part, error);
        stamp += error
                     ? "-"
                     : std::to_string(size) + "@" + std::to_string(time.time_since_epoch().count());
        stamp += ' ';
    }
    return stamp;
}

/// The process is there, and it is one of ours that trains, not another with a number used again.
bool isTraining(std::int32_t pid)
{
    std::ifstream in("/proc/" + std::to_string(pid) + "/comm");
    std::string name;
    return pid > 0 && std::getline(in, name) && name == "drillroom-train";
}

void judge(engine::TrainingSummary &summary, bool closed)
{
    summary.isAlive = false;
    summary.canGoOn = false;
    if (!summary.state || !summary.state->training)
        return;
    const auto &training = *summary.state->training;
    summary.isAlive = !closed && !training.isOver() && isTraining(training.started.pid);
    std::error_code error;
    summary.canGoOn = !summary.isAlive && training.state != engine::TrainingState::Finished
                      && fs::exists(training.started.out + ".checkpoint", error);
}

} // namespace

TrainingList::TrainingList(engine::Paths paths, const engine::Clock &clock)
    : m_paths(std::move(paths)), m_clock(clock)
{
}

engine::TrainingSummary TrainingList::find(const std::string &recording)
{
    const auto stamp = stampOf(recording);
    {
        const std::lock_guard lock(m_mutex);
        if (const auto known = m_known.find(recording);
            known != m_known.end() && known->second.stamp == stamp) {
            judge(known->second.summary, known->second.closed);
            return known->second.summary;
        }
    }
    Known fresh{stamp, false, {}};
    fresh.summary.recording = recording;
    if (auto folded = engine::foldFile(recording, m_clock)) {
        fresh.closed = folded->closed;
        fresh.summary.state = std::make_shared<const engine::RunState>(std::move(folded->state));
        if (!fresh.summary.state->training)
            fresh.summary.problem = "This is no recording of a training";
    } else {
        fresh.summary.problem = folded.error().text();
    }
    judge(fresh.summary, fresh.closed);
    const std::lock_guard lock(m_mutex);
    // Copied while its writer was at work, a file may not fit its log; the next look will.
    if (const auto known = m_known.find(recording);
        !fresh.summary.state && known != m_known.end() && known->second.summary.isAlive)
        return known->second.summary;
    m_known[recording] = fresh;
    return fresh.summary;
}

bool TrainingList::add(const std::string &recording)
{
    if (!engine::isTrainingRecording(recording, m_clock))
        return false;
    const std::lock_guard lock(m_mutex);
    if (fs::path(recording).parent_path() != m_paths.trainings()
        && std::find(m_added.begin(), m_added.end(), recording) == m_added.end())
        m_added.push_back(recording);
    return true;
}

std::vector<engine::TrainingSummary> TrainingList::read()
{
    std::vector<std::string> files;
    std::error_code error;
    for (const auto &entry : fs::directory_iterator(m_paths.trainings(), error))
        if (entry.path().extension() == ".drl")
            files.push_back(entry.path().string());
    std::sort(files.rbegin(), files.rend()); // names begin with the time
    files.resize(std::min(files.size(), kMost));
    {
        const std::lock_guard lock(m_mutex);
        files.insert(files.end(), m_added.begin(), m_added.end());
    }
    std::vector<engine::TrainingSummary> all;
    for (const auto &file : files)
        all.push_back(find(file));
    return all;
}

} // namespace console
