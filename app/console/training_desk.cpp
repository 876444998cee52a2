#include "app/console/training_desk.h"

#include "app/composition/recipes.h"
#include "app/composition/shop_models.h"
#include "app/composition/shops.h"
#include "engine/base/files.h"
#include "engine/recording/open.h"
#include "engine/recording/recorder.h"

#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>
#include <spdlog/spdlog.h>

namespace console {
namespace {

constexpr engine::Micros kEnd{10'000'000}, kLook{20'000};
constexpr double kCheckpointEvery = 10; ///< seconds: somebody looks on and may stop it

engine::Result<std::filesystem::path>
newPackage(const engine::Paths &paths, const std::string &word, const engine::Clock &clock)
{
    const auto folder = paths.home / "models";
    DR_RETURN_IF_ERROR(engine::makePrivateFolder(folder));
    const auto first =
        engine::newRecordingPath(folder, word, clock.wallMicros()).replace_extension();
    auto path = first;
    std::error_code error;
    for (int i = 2; std::filesystem::exists(path, error); ++i)
        path = first.string() + "-" + std::to_string(i);
    return path;
}

} // namespace

TrainingDesk::TrainingDesk(engine::Paths paths, const engine::Clock &clock, ShopKeeper &keeper,
                           Post post)
    : m_paths(paths), m_clock(clock), m_keeper(keeper), m_post(std::move(post)),
      m_list(std::move(paths), clock)
{
}

TrainingDesk::~TrainingDesk()
{
    const auto isRunning = [this] {
        const std::lock_guard lock(m_mutex);
        return std::any_of(m_children.begin(), m_children.end(),
                           [](const Child &child) { return !child.isOver; });
    };
    for (auto &child : m_children)
        child.thread.request_stop();
    const auto until = m_clock.now() + kEnd;
    while (isRunning() && m_clock.now() < until)
        m_clock.waitUntil(m_clock.now() + kLook, {});
    for (auto &child : m_children)
        child.words->kill();
    for (auto &child : m_children)
        if (child.thread.joinable())
            child.thread.join();
}

template <class T>
void TrainingDesk::answer(Reply<T> done, engine::Result<T> result)
{
    m_post([done = std::move(done), result = std::move(result)] {
        if (done)
            done(result);
    });
}

std::vector<engine::TrainingSummary> TrainingDesk::trainings()
{
    auto all = m_list.read();
    const std::lock_guard lock(m_mutex);
    for (auto &summary : all)
        for (const auto &child : m_children)
            if (child.recording == summary.recording && !child.isOver)
                summary.isOurs = true;
    return all;
}

engine::Result<std::unique_ptr<engine::Timeline>>
TrainingDesk::openTraining(const std::string &recording)
{
    const auto training = m_list.find(recording);
    if (!training.problem.empty())
        return engine::fail(engine::ErrorCode::InvalidInput, training.problem);
    return engine::openTimeline(recording, training.isAlive, m_clock);
}

std::vector<engine::ShopModels> TrainingDesk::shopModels()
{
    const auto status = m_keeper.status();
    std::vector<engine::ShopModels> all;
    for (const auto &shop : app::listShops(m_paths)) {
        auto models = app::shopModels(m_paths, shop.info.name, status ? &*status : nullptr);
        if (models) {
            all.push_back(std::move(*models));
        } else {
            all.emplace_back().shop = shop.info.name;
            all.back().problem = models.error().text();
        }
    }
    return all;
}

std::vector<std::string> TrainingDesk::recipes() const
{
    return app::shippedRecipes(m_paths);
}

void TrainingDesk::startTraining(const engine::TrainingOrder &order, Reply<std::string> done)
{
    app::ModelJob job;
    job.command = "train";
    job.family = order.family;
    job.train = order.data;
    job.columns = order.columns;
    job.out = order.out;
    job.seed = order.seed;
    job.timeLimit = order.timeLimit;
    if (!order.recipe.empty()) {
        const auto file = app::recipeFile(m_paths, order.recipe);
        if (!file)
            return answer<std::string>(std::move(done), tl::unexpected(file.error()));
        job.recipe = file->string();
    }
    if (job.out.empty()) {
        const auto word = order.family.empty() ? std::filesystem::path(order.recipe).stem().string()
                                               : order.family;
        const auto folder = newPackage(m_paths, word, m_clock);
        if (!folder)
            return answer<std::string>(std::move(done), tl::unexpected(folder.error()));
        job.out = folder->string();
    }
    run(std::move(job), std::move(done));
}

void TrainingDesk::run(app::ModelJob job, Reply<std::string> done)
{
    job.key = m_paths.signingKey().string();
    job.record.clear();
    job.recordings = m_paths.trainings().string();
    job.checkpointEvery = kCheckpointEvery;
    const std::lock_guard lock(m_mutex);
    std::erase_if(m_children, [](const Child &child) { return child.isOver; });
    auto &child = m_children.emplace_back();
    child.thread = std::jthread(
        [this, &child, job = std::move(job), done = std::move(done)](std::stop_token stop) {
            train(child, job, done, std::move(stop));
            const std::lock_guard over(m_mutex);
            child.isOver = true;
        });
}

void TrainingDesk::train(Child &child, const app::ModelJob &job, const Reply<std::string> &done,
                         std::stop_token stop)
{
    app::TrainProcess process;
    process.arguments = {"--job"};
    process.input = app::jobText(job) + "\n";
    process.gentle = true;
    process.words = child.words;
    bool hasBegun = false;
    const auto result = app::runTrainProcess(
        m_paths, process,
        [&](const nlohmann::json &line) {
            if (!line.contains("recording"))
                return;
            const auto path = line.value("recording", "");
            {
                const std::lock_guard lock(m_mutex);
                child.recording = path;
            }
            hasBegun = true;
            answer<std::string>(done, path);
        },
        std::move(stop));
    // What comes later stands in the recording.
    if (!hasBegun)
        answer<std::string>(done, result ? engine::Result<std::string>(std::string())
                                         : tl::unexpected(result.error()));
    else if (!result)
        spdlog::info("console: training: {}", result.error().text());
}

std::shared_ptr<app::TrainWords> TrainingDesk::wordsTo(const std::string &recording)
{
    const std::lock_guard lock(m_mutex);
    for (auto &child : m_children)
        if (child.recording == recording && !child.isOver)
            return child.words;
    return nullptr;
}

void TrainingDesk::pauseTraining(const std::string &recording, Reply<void> done)
{
    const auto words = wordsTo(recording);
    if (words)
        words->say("pause");
    answer<void>(std::move(done),
                 words ? engine::Result<void>()
                       : engine::fail(engine::ErrorCode::NotFound,
                                      "This training is not one that this console started"));
}

void TrainingDesk::stopTraining(const std::string &recording, Reply<void> done)
{
    if (const auto words = wordsTo(recording)) {
        words->say("stop");
        return answer<void>(std::move(done), {});
    }
    m_worker.post([this, recording, done = std::move(done)] {
        const auto training = m_list.find(recording);
        if (!training.isAlive)
            return answer<void>(done, engine::fail(engine::ErrorCode::NotFound,
                                                   "This training does not run any more"));
        ::kill(training.state->training->started.pid, SIGTERM);
        answer<void>(done, {});
    });
}

void TrainingDesk::resumeTraining(const std::string &recording, Reply<std::string> done)
{
    if (const auto words = wordsTo(recording)) {
        words->say("resume");
        return answer<std::string>(std::move(done), recording);
    }
    m_worker.post([this, recording, done = std::move(done)] {
        const auto training = m_list.find(recording);
        if (!training.canGoOn)
            return answer<std::string>(
                done, engine::fail(engine::ErrorCode::NotFound,
                                   "There is no checkpoint of this training to go on from"));
        auto job = app::parseJob(training.state->training->started.order);
        if (!job)
            return answer<std::string>(done, tl::unexpected(job.error()));
        job->resume = "must";
        run(std::move(*job), done);
    });
}

ShopKeeper::Cluster TrainingDesk::clusterOf(const std::string &shop) const
{
    const auto running = m_keeper.status();
    const bool isUp = running && running->name == shop && running->state == "up";
    return isUp ? m_keeper.current() : ShopKeeper::Cluster();
}

engine::Result<void> TrainingDesk::serve(const std::string &shop, std::string version, bool isBack)
{
    const auto folder = app::shopFolder(m_paths, shop);
    if (!folder)
        return tl::unexpected(folder.error());
    auto registry = engine::Registry::open(*folder);
    if (!registry)
        return tl::unexpected(registry.error());
    if (version.empty())
        version = registry->previous();
    if (const auto cluster = clusterOf(shop)) {
        if (version.empty())
            return engine::fail(engine::ErrorCode::InvalidInput,
                                "There is no previous version to go back to; choose one");
        return cluster->act("promote", version, "operator"); // back, too: it deploys at once
    }
    return isBack ? registry->rollback(version) : registry->promote(version);
}

void TrainingDesk::promote(const std::string &shop, const std::string &version, Reply<void> done)
{
    m_worker.post([this, shop, version, done = std::move(done)] {
        answer<void>(done, serve(shop, version, false));
    });
}

void TrainingDesk::showToSome(const std::string &shop, const std::string &version, Reply<void> done)
{
    m_worker.post([this, shop, version, done = std::move(done)] {
        const auto cluster = clusterOf(shop);
        if (!cluster)
            return answer<void>(
                done, engine::fail(engine::ErrorCode::Unavailable,
                                   "The shop " + shop
                                       + " does not run here, and a canary needs shoppers; start "
                                         "the shop on Home"));
        answer<void>(done, cluster->act("canary", version, "operator"));
    });
}

void TrainingDesk::rollBack(const std::string &shop, const std::string &version, Reply<void> done)
{
    m_worker.post([this, shop, version, done = std::move(done)] {
        answer<void>(done, serve(shop, version, true));
    });
}

} // namespace console
