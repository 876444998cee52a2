#include "app/composition/model_job.h"

#include <nlohmann/json.hpp>

namespace app {
namespace {

/// Calls visit(name, field) for every field.
template <class Job, class Visit>
void eachField(Job &job, const Visit &visit)
{
    visit("command", job.command);
    visit("family", job.family);
    visit("model", job.model);
    visit("train", job.train);
    visit("valid", job.valid);
    visit("test", job.test);
    visit("products", job.products);
    visit("in", job.in);
    visit("out", job.out);
    visit("format", job.format);
    visit("columns", job.columns);
    visit("recipe", job.recipe);
    visit("set", job.set);
    visit("device", job.device);
    visit("seed", job.seed);
    visit("time_limit_s", job.timeLimit);
    visit("threads", job.threads);
    visit("k", job.k);
    visit("horizon", job.horizon);
    visit("key", job.key);
    visit("record", job.record);
    visit("recordings", job.recordings);
    visit("resume", job.resume);
    visit("checkpoint_every_s", job.checkpointEvery);
}

} // namespace

std::string jobText(const ModelJob &job)
{
    auto json = nlohmann::json::object();
    eachField(job, [&](const char *name, const auto &value) { json[name] = value; });
    return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

engine::Result<ModelJob> parseJob(const std::string &text)
{
    ModelJob job;
    try {
        const auto json = nlohmann::json::parse(text);
        if (!json.is_object())
            return engine::fail(engine::ErrorCode::InvalidInput, "The order is no JSON object");
        eachField(job, [&](const char *name, auto &value) {
            if (json.contains(name))
                json.at(name).get_to(value);
        });
    } catch (const nlohmann::json::exception &error) {
        return engine::fail(engine::ErrorCode::InvalidInput,
                            std::string("The order cannot be read: ") + error.what());
    }
    return job;
}

} // namespace app
