#pragma once
// The groups of drillctl's commands. Each adds its subcommands to the application and sets `exit`
// when one has run.

#include "engine/base/paths.h"

#include <CLI/CLI.hpp>

namespace ctl {

/// Shared by all commands of one invocation; lives in main.
struct Context
{
    engine::Paths paths;
    int exit = 0;
};

void addShopCommands(CLI::App &app, Context &context);
/// `shop attach`, of `shop`.
void addAttachCommand(CLI::App &shop, Context &context);
/// Backups and restore, in the group that addShopCommands made.
void addBackupCommands(CLI::App &app, Context &context);
void addDrillCommands(CLI::App &app, Context &context);
void addRecordingCommands(CLI::App &app, Context &context);
void addExportCommands(CLI::App &recording, Context &context); ///< of `recording`
void addModelCommands(CLI::App &app, Context &context);
void addTrainCommands(CLI::App &app, Context &context);  ///< train, finetune
void addAnswerCommands(CLI::App &app, Context &context); ///< eval, recommend, rank ...
void addBenchCommands(CLI::App &app, Context &context);
void addBenchShopCommand(CLI::App &bench, Context &context); ///< of `bench`
void addSystemCommands(CLI::App &app, Context &context);
void addPlayCommand(CLI::App &app, Context &context);
void addCompareCommand(CLI::App &app, Context &context);

} // namespace ctl
