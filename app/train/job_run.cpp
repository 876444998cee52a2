#include "app/train/job_run.h"

#include "app/train/job_inputs.h"
#include "app/train/job_monitor.h"
#include "app/train/training_record.h"
#include "engine/data/parallel.h"
#include "engine/model/manifest_json.h"
#include "engine/recording/recorder.h"
#include "engine/training/device.h"
#include "engine/training/families.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace app {
namespace {

namespace fs = std::filesystem;
using engine::ErrorCode;
using engine::fail;
using engine::Result;
using nlohmann::json;

engine::Micros seconds(double value)
{
    return engine::Micros{static_cast<std::int64_t>(value * 1e6)};
}

json modelJson(const engine::Package &package)
{
    return {{"digest", package.digest},
            {"family", package.manifest.family},
            {"version", package.manifest.version}};
}

/// The family of --family or of the recipe; both must agree.
Result<std::string> familyOf(const ModelJob &job, const engine::Recipe &recipe)
{
    if (!job.family.empty() && !recipe.family.empty() && job.family != recipe.family)
        return fail(ErrorCode::Usage, "The recipe " + recipe.name + " is for the family "
                                          + recipe.family + ", but --family says " + job.family);
    const auto name = job.family.empty() ? recipe.family : job.family;
    if (name.empty())
        return fail(ErrorCode::Usage, "Say which family to train: --family mf|sequence|search|ctr|"
                                      "demand|popularity, or a recipe that names it");
    return name;
}

/// Refuses early what would only fail when the training is over.
Result<> checkOut(const fs::path &out)
{
    std::error_code error;
    if (out.empty())
        return fail(ErrorCode::Usage, "Say where the package goes: --out FOLDER");
    if (fs::exists(fs::symlink_status(out, error)))
        return fail(ErrorCode::InvalidInput,
                    "There is something here already; a package is never overwritten",
                    out.string());
    const auto parent = fs::absolute(out).parent_path();
    if (fs::exists(parent, error) && !fs::is_directory(parent, error))
        return fail(ErrorCode::InvalidInput, "This is not a folder, so no package can go there",
                    parent.string());
    return {};
}

class Training
{
public:
    Training(ModelJob job, JobControl &control, const engine::Clock &clock)
        : m_job(std::move(job)), m_control(control), m_clock(clock)
    {
    }

    Result<json> run()
    {
        DR_RETURN_IF_ERROR(checkOut(m_job.out));
        DR_RETURN_IF_ERROR(prepare());
        auto device = engine::openDevice(m_job.device);
        if (!device)
            return tl::unexpected(device.error());
        m_order.device = device->name;
        const auto digest = orderDigest(m_job, m_order, m_control.stop());
        if (!digest)
            return tl::unexpected(digest.error());
        auto options = JobMonitor::Options{};
        options.limit = std::chrono::seconds(m_job.timeLimit);
        options.checkpoint = checkpointPath(m_job.out);
        options.order = *digest;
        options.every = seconds(m_job.checkpointEvery);
        std::vector<std::string> notes;
        if (!device->note.empty())
            notes.push_back(device->note);
        DR_RETURN_IF_ERROR(findCheckpoint(options, notes));
        DR_RETURN_IF_ERROR(beginRecord(options.resumed));
        options.record = m_record.get();
        JobMonitor monitor(m_control, m_clock, std::move(options));
        for (const auto &note : notes)
            monitor.note(note);
        auto result = work(monitor);
        DR_RETURN_IF_ERROR(endRecord(result));
        return result;
    }

private:
    Result<json> work(JobMonitor &monitor)
    {
        auto model = m_family->train(m_order, monitor);
        if (!model)
            return stopped(model.error(), monitor);
        if (m_control.stop().stop_requested())
            return stopped({ErrorCode::Halted, "Stopped", ""}, monitor);
        return write(std::move(*model), monitor);
    }

    Result<> beginRecord(const std::optional<Checkpoint> &resumed)
    {
        const auto name = fs::path(m_job.out).filename().string();
        fs::path file = m_job.record;
        if (file.empty() && !m_job.recordings.empty())
            file = engine::newRecordingPath(m_job.recordings, name, m_clock.wallMicros());
        if (file.empty())
            return {};
        engine::TrainingStarted started;
        started.name = name;
        started.command = m_job.command;
        started.family = m_job.family;
        started.recipe = m_order.recipe.name.empty() ? "default" : m_order.recipe.name;
        started.data = fs::absolute(m_job.train).string();
        started.out = fs::absolute(m_job.out).string();
        started.device = m_order.device;
        started.build = DRILLROOM_VERSION;
        // Whoever goes on may stand in another folder, and signs with a key of their own.
        auto order = m_job;
        order.key.clear();
        order.record.clear();
        for (auto *path :
             {&order.train, &order.valid, &order.products, &order.model, &order.out, &order.recipe})
            if (!path->empty())
                *path = fs::absolute(*path).string();
        started.order = jobText(order);
        started.lineage = m_order.initial ? m_order.initial->digest : "";
        started.seed = m_job.seed;
        started.threads = static_cast<std::uint32_t>(m_order.threads);
        started.pid = ::getpid();
        started.worked = resumed ? resumed->seconds : 0;
        auto record =
            TrainingRecord::begin(fs::absolute(file), m_job.key, std::move(started), m_clock);
        if (!record)
            return tl::unexpected(record.error());
        m_record = std::move(*record);
        if (resumed && !resumed->recording.empty())
            m_record->continueFrom(resumed->recording);
        sayLine({{"recording", m_record->path().string()}});
        return {};
    }

    /// The last event says how it ended; a package that is written stays even if the recording
    /// could not be.
    Result<> endRecord(const Result<json> &result)
    {
        if (!m_record)
            return {};
        engine::TrainingChanged end;
        if (result) {
            end.state = engine::TrainingState::Finished;
            end.digest = result->value("digest", "");
            end.version = result->value("version", "");
            end.metrics = result->at("metrics").get<std::map<std::string, double>>();
        } else {
            end.state = result.error().code == ErrorCode::Halted ? engine::TrainingState::Stopped
                                                                 : engine::TrainingState::Failed;
            end.detail = result.error().text();
        }
        m_record->changed(std::move(end));
        auto closed = m_record->close();
        if (!closed && !result)
            return {}; // what was wrong with the training counts
        return closed;
    }

    Result<> prepare()
    {
        auto recipe = recipeOf(m_job);
        if (!recipe)
            return tl::unexpected(recipe.error());
        if (m_job.command == "finetune") {
            auto package = openModel(m_job);
            if (!package)
                return tl::unexpected(package.error());
            if (m_job.family.empty())
                m_job.family = package->manifest.family;
            else if (m_job.family != package->manifest.family)
                return fail(ErrorCode::InvalidInput,
                            "The package is of the family " + package->manifest.family
                                + ", but --family says " + m_job.family,
                            m_job.model);
            m_order.initial = std::move(*package);
        }
        const auto name = familyOf(m_job, *recipe);
        if (!name)
            return tl::unexpected(name.error());
        m_job.family = *name;
        const auto family = engine::familyNamed(*name);
        if (!family)
            return tl::unexpected(family.error());
        m_family = *family;
        auto train = inputFile(m_job, m_job.train);
        if (!train)
            return tl::unexpected(train.error());
        m_order.train = std::move(*train);
        if (!m_job.valid.empty()) {
            auto valid = inputFile(m_job, m_job.valid);
            if (!valid)
                return tl::unexpected(valid.error());
            m_order.valid = std::move(*valid);
        }
        if (!m_job.products.empty())
            m_order.products = m_job.products;
        m_order.recipe = std::move(*recipe);
        m_order.seed = m_job.seed;
        m_order.threads = m_job.threads;
        return {};
    }

    Result<> findCheckpoint(JobMonitor::Options &options, std::vector<std::string> &notes)
    {
        if (m_job.resume == "fresh")
            return {};
        auto found = readCheckpoint(options.checkpoint);
        const bool must = m_job.resume == "must";
        if (!found) {
            if (must)
                return tl::unexpected(found.error());
            notes.push_back("the checkpoint is damaged, so the training begins anew ("
                            + options.checkpoint.string() + ")");
            return {};
        }
        if (!*found)
            return must ? Result<>(fail(ErrorCode::NotFound, "There is no checkpoint to go on from",
                                        options.checkpoint.string()))
                        : Result<>{};
        if ((*found)->order != options.order) {
            if (must)
                return fail(ErrorCode::InvalidInput,
                            "The checkpoint belongs to another order (other data, settings, seed, "
                            "threads or device)",
                            options.checkpoint.string());
            notes.push_back("the checkpoint there belongs to another order, so the training begins "
                            "anew");
            return {};
        }
        notes.push_back(
            fmt::format("resumed from the checkpoint after {:.0f} s of work", (*found)->seconds));
        options.resumed = std::move(*found);
        m_resumed = true;
        return {};
    }

    [[nodiscard]] tl::unexpected<engine::Error> stopped(engine::Error error,
                                                        const JobMonitor &monitor) const
    {
        if (error.code == ErrorCode::Halted)
            error.message =
                monitor.hasCheckpoint()
                    ? "Stopped; the same command goes on from " + checkpointPath(m_job.out).string()
                    : "Stopped before the first checkpoint; nothing was left behind";
        return tl::unexpected<engine::Error>(std::move(error));
    }

    void describe(engine::Manifest &manifest, const JobMonitor &monitor) const
    {
        manifest.family = m_job.family;
        manifest.seed = m_job.seed;
        manifest.version = "1";
        if (m_order.initial) {
            const auto before = engine::versionNumber(m_order.initial->manifest.version);
            manifest.version = std::to_string(before.value_or(0) + 1);
            manifest.lineage = m_order.initial->digest;
        }
        manifest.trainingData = fs::path(m_job.train).filename().string();
        if (!m_order.recipe.name.empty())
            manifest.recipe = m_order.recipe.name;
        else if (manifest.recipe.empty())
            manifest.recipe = "default";
        auto &how = manifest.provenance;
        for (const auto &[name, value] : m_order.recipe.settings)
            how["setting " + name] = value.text;
        how["threads"] = std::to_string(m_order.threads);
        how["device"] = m_order.device;
        how["torch"] = engine::torchVersion();
        how["program"] = DRILLROOM_VERSION;
        how["seconds"] = fmt::format("{:.1f}", monitor.seconds());
    }

    Result<json> write(engine::TrainedModel model, JobMonitor &monitor)
    {
        auto &manifest = model.manifest;
        describe(manifest, monitor);
        auto digest = fileDigest(m_job.train, {});
        if (!digest)
            return tl::unexpected(digest.error());
        manifest.provenance["data_sha256"] = *digest;
        std::vector<engine::TensorSource> tensors;
        for (const auto &tensor : model.tensors)
            tensors.push_back({tensor.name, tensor.dtype, tensor.shape, tensor.data});
        const auto key = engine::SigningKey::loadOrCreate(m_job.key);
        if (!key)
            return tl::unexpected(key.error());
        const auto written = engine::writePackage(m_job.out, manifest, tensors, *key, model.files);
        if (!written)
            return tl::unexpected(written.error());
        std::error_code error;
        fs::remove(checkpointPath(m_job.out), error);
        return json{{"package", m_job.out},        {"digest", *written},
                    {"family", manifest.family},   {"version", manifest.version},
                    {"metrics", manifest.metrics}, {"settings", manifest.settings},
                    {"recipe", manifest.recipe},   {"seed", m_job.seed},
                    {"threads", m_order.threads},  {"device", m_order.device},
                    {"resumed", m_resumed},        {"notes", monitor.notes()},
                    {"seconds", monitor.seconds()}};
    }

    ModelJob m_job;
    JobControl &m_control;
    const engine::Clock &m_clock;
    engine::TrainOrder m_order;
    const engine::Family *m_family = nullptr;
    std::unique_ptr<TrainingRecord> m_record; ///< null: nothing is recorded
    bool m_resumed = false;
};

json qualityJson(const std::map<std::string, engine::Interval> &intervals)
{
    auto all = json::object();
    for (const auto &[name, interval] : intervals)
        all[name] = {interval.low, interval.high};
    return all;
}

/// Package, family and monitor of an order that asks a model.
class Asking
{
public:
    Asking(ModelJob job, JobControl &control, const engine::Clock &clock)
        : m_job(std::move(job)),
          m_monitor(control, clock, {std::chrono::seconds(m_job.timeLimit), {}, {}, {}, {}})
    {
    }

    Result<json> run()
    {
        auto package = openModel(m_job);
        if (!package)
            return tl::unexpected(package.error());
        m_package = std::move(*package);
        const auto family = engine::familyNamed(m_package.manifest.family);
        if (!family)
            return fail(ErrorCode::InvalidInput,
                        "This program knows no family " + m_package.manifest.family
                            + "; the package needs a newer one",
                        m_job.model);
        return m_job.command == "eval" ? evaluate(**family) : answer(**family);
    }

private:
    Result<json> evaluate(const engine::Family &family)
    {
        engine::EvalOrder order;
        auto test = inputFile(m_job, m_job.test);
        if (!test)
            return tl::unexpected(test.error());
        order.test = std::move(*test);
        if (!m_job.train.empty()) {
            auto train = inputFile(m_job, m_job.train);
            if (!train)
                return tl::unexpected(train.error());
            order.train = std::move(*train);
        }
        if (!m_job.products.empty())
            order.products = m_job.products;
        order.threads = m_job.threads;
        const auto quality = family.evaluate(m_package, order, m_monitor);
        if (!quality)
            return tl::unexpected(quality.error());
        auto segments = json::object();
        for (const auto &[name, segment] : quality->segments)
            segments[name] = {{"users", segment.users},
                              {"metrics", segment.metrics},
                              {"intervals", qualityJson(segment.intervals)}};
        return json{{"model", modelJson(m_package)},
                    {"metrics", quality->metrics},
                    {"intervals", qualityJson(quality->intervals)},
                    {"standard_errors", quality->standardErrors},
                    {"segments", segments},
                    {"counts", quality->counts},
                    {"notes", m_monitor.notes()},
                    {"users", quality->users},
                    {"seconds", m_monitor.seconds()}};
    }

    Result<json> answer(const engine::Family &family)
    {
        engine::AnswerOrder order;
        order.kind = m_job.command == "recommend" ? engine::Answer::Recommend
                     : m_job.command == "rank"    ? engine::Answer::Rank
                     : m_job.command == "predict" ? engine::Answer::Predict
                                                  : engine::Answer::Forecast;
        auto in = inputFile(m_job, m_job.in);
        if (!in)
            return tl::unexpected(in.error());
        order.in = std::move(*in);
        order.out = m_job.out;
        order.k = m_job.k;
        order.horizon = m_job.horizon;
        order.threads = m_job.threads;
        const auto answered = family.answer(m_package, order, m_monitor);
        if (!answered)
            return tl::unexpected(answered.error());
        return json{{"model", modelJson(m_package)}, {"out", m_job.out},
                    {"rows", answered->rows},        {"counts", answered->notes},
                    {"notes", m_monitor.notes()},    {"seconds", m_monitor.seconds()}};
    }

    ModelJob m_job;
    JobMonitor m_monitor;
    engine::Package m_package;
};

} // namespace

Result<json> runJob(ModelJob job, JobControl &control, const engine::Clock &clock)
{
    if (job.threads <= 0)
        job.threads = static_cast<int>(engine::workThreads());
    if (job.isTraining())
        return Training(std::move(job), control, clock).run();
    for (const char *known : {"eval", "recommend", "rank", "predict", "forecast"}) {
        if (job.command == known)
            return Asking(std::move(job), control, clock).run();
    }
    return fail(ErrorCode::InvalidInput, "There is no order '" + job.command + "'");
}

json familiesJson()
{
    auto all = json::array();
    for (const auto *family : engine::families())
        all.push_back({{"name", family->name()}, {"help", family->help()}});
    return all;
}

} // namespace app
