#include "engine/serving/served_model.h"

namespace engine {

void signReply(const inference::ModelInferRequest &request, const ServedModel &model,
               inference::ModelInferResponse &to)
{
    to.set_model_name(request.model_name());
    to.set_model_version(model.version());
    to.set_id(request.id());
    auto &parameters = *to.mutable_parameters();
    parameters["version"].set_string_param(model.version());
    parameters["digest"].set_string_param(model.digest());
}

} // namespace engine
