#pragma once
// A KServe v2 server of somebody else: another model name, other tensor names and types, raw
// answers of its own size, no grpc.health.v1, no repository, no parameters in its answers.

#include "engine/proto/kserve.grpc.pb.h"

#include <atomic>
#include <cstring>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <memory>
#include <string>
#include <vector>

namespace test {

/// Answers with the 20 items after the newest of the history, wrapping around.
class ForeignServer final : public inference::GRPCInferenceService::Service
{
public:
    explicit ForeignServer(std::int32_t items) : m_items(items)
    {
        grpc::ServerBuilder builder;
        builder.RegisterService(this);
        builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &m_port);
        m_server = builder.BuildAndStart();
        if (!m_server)
            std::abort();
    }
    ~ForeignServer() override { stop(); }
    void stop()
    {
        if (m_server)
            m_server->Shutdown(std::chrono::system_clock::now());
        m_server.reset();
    }
    [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(m_port); }
    std::atomic<int> calls{0}, wrong{0};
    std::atomic<bool> ready{true};

    grpc::Status ServerReady(grpc::ServerContext *, const inference::ServerReadyRequest *,
                             inference::ServerReadyResponse *reply) override
    {
        reply->set_ready(ready);
        return grpc::Status::OK;
    }
    grpc::Status ModelMetadata(grpc::ServerContext *,
                               const inference::ModelMetadataRequest *request,
                               inference::ModelMetadataResponse *reply) override
    {
        if (request->name() != "next_basket")
            return {grpc::StatusCode::NOT_FOUND, "unknown model"};
        reply->set_name("next_basket");
        const auto tensor = [](auto *to, const char *name, const char *type,
                               std::initializer_list<std::int64_t> shape) {
            to->set_name(name);
            to->set_datatype(type);
            to->mutable_shape()->Add(shape.begin(), shape.end());
        };
        tensor(reply->add_inputs(), "basket", "INT32", {-1, -1});
        tensor(reply->add_outputs(), "confidence", "FP64", {-1, kList});
        tensor(reply->add_outputs(), "product", "INT32", {-1, kList});
        return grpc::Status::OK;
    }
    grpc::Status ModelInfer(grpc::ServerContext *, const inference::ModelInferRequest *request,
                            inference::ModelInferResponse *reply) override
    {
        ++calls;
        const bool good = request->model_name() == "next_basket" && request->inputs_size() == 1
                          && request->inputs(0).name() == "basket"
                          && request->inputs(0).datatype() == "INT32"
                          && request->inputs(0).shape_size() == 2
                          && request->inputs(0).contents().int_contents_size() > 0;
        if (!good) {
            ++wrong;
            return {grpc::StatusCode::INVALID_ARGUMENT, "send basket INT32 [n, m]"};
        }
        const auto &basket = request->inputs(0);
        const auto rows = basket.shape(0), columns = basket.shape(1);
        std::vector<std::int32_t> items;
        std::vector<double> scores;
        for (std::int64_t row = 0; row < rows; ++row) {
            std::int32_t newest = -1;
            for (std::int64_t i = 0; i < columns; ++i)
                if (const auto item =
                        basket.contents().int_contents(static_cast<int>(row * columns + i));
                    item >= 0)
                    newest = item;
            for (int rank = 0; rank < kList; ++rank) {
                items.push_back((newest + 1 + rank) % m_items);
                scores.push_back(1.0 / (rank + 1));
            }
        }
        reply->set_model_version("7");
        put(reply, "confidence", "FP64", rows, scores.data(), 8 * scores.size());
        put(reply, "product", "INT32", rows, items.data(), 4 * items.size());
        return grpc::Status::OK;
    }

private:
    static constexpr int kList = 40;
    static void put(inference::ModelInferResponse *reply, const char *name, const char *type,
                    std::int64_t rows, const void *data, std::size_t bytes)
    {
        auto *output = reply->add_outputs();
        output->set_name(name);
        output->set_datatype(type);
        output->add_shape(rows);
        output->add_shape(kList);
        reply->add_raw_output_contents()->assign(static_cast<const char *>(data), bytes);
    }
    const std::int32_t m_items;
    int m_port = 0;
    std::unique_ptr<grpc::Server> m_server;
};

} // namespace test
