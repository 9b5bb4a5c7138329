# hook filter
f0:
    ldxdw %r2, [%r1+24]
    ldxdw %r3, [%r1+40]
    ldxdw %r4, [%r1+16]
i3:
    mov %r0, 1
    jge %r4, %r2, i13
    ldxdw %r5, [%r1+48]
    jge %r3, %r5, i13
    mov %r0, 0
    ldxb %r5, [%r3]
    add %r3, 1
    ldxb %r6, [%r4]
    add %r4, 1
    jeq %r6, %r5, i3
i13:
    exit
