#include "ui/widgets/keys_help.h"

#include "ui/theme/theme.h"

#include <QAction>
#include <QFrame>
#include <QGridLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QVBoxLayout>

namespace ui {

KeysHelp::KeysHelp(const QString &pageName, const std::vector<KeyHelp> &pageKeys,
                   const QList<QAction *> &commands, QWidget *parent)
    : QDialog(parent)
{
    setWindowTitle(tr("Keys"));
    setAttribute(Qt::WA_DeleteOnClose);
    auto *columns = new QHBoxLayout(this);
    columns->setContentsMargins(24, 20, 24, 20);
    columns->setSpacing(32);
    if (!pageKeys.empty()) {
        auto *left = new QVBoxLayout;
        addGroup(left, pageName, pageKeys);
        columns->addLayout(left);
    }
    std::vector<KeyHelp> everywhere;
    for (const auto *command : commands) {
        QStringList keys;
        for (const auto &sequence : command->shortcuts())
            keys << sequence.toString(QKeySequence::NativeText);
        if (!keys.isEmpty())
            everywhere.push_back({keys.join(QStringLiteral(", ")), command->text()});
    }
    auto *right = new QVBoxLayout;
    addGroup(right, tr("Everywhere"), everywhere);
    columns->addLayout(right);
}

void KeysHelp::addGroup(QVBoxLayout *layout, const QString &title, const std::vector<KeyHelp> &keys)
{
    auto *head = makeLabel(title, "title", "keysTitleLabel", this);
    head->setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Fixed);
    layout->addWidget(head);
    layout->addSpacing(8);
    auto *grid = new QGridLayout;
    grid->setHorizontalSpacing(16);
    grid->setVerticalSpacing(6);
    int row = 0;
    for (const auto &line : keys) {
        grid->addWidget(makeLabel(line.keys, "fixed", "keysLabel", this), row, 0, Qt::AlignTop);
        grid->addWidget(makeLabel(line.what, "body", "keysWhatLabel", this), row, 1);
        ++row;
    }
    grid->setColumnStretch(1, 1);
    layout->addLayout(grid);
    layout->addStretch(1);
}

} // namespace ui
