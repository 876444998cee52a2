#pragma once
// F1: the keys of the open page and of the whole window, in words.

#include "ui/pages/page.h"

#include <QDialog>

class QAction;
class QVBoxLayout;

namespace ui {

class KeysHelp : public QDialog
{
    Q_OBJECT
public:
    KeysHelp(const QString &pageName, const std::vector<KeyHelp> &pageKeys,
             const QList<QAction *> &commands, QWidget *parent = nullptr);

private:
    void addGroup(QVBoxLayout *layout, const QString &title, const std::vector<KeyHelp> &keys);
};

} // namespace ui
