# hook call
f0:
    mov %r0, -1
    ldxdw %r2, [%r1]
    ldxdw %r1, [%r1+8]
    sub %r1, %r2
    jlt %r1, 8, i28
    mov %r0, 0
    ldxw %r3, [%r2]
    add %r2, 8
    add %r1, -8
    rsh %r1, 2
i10:
    mov %r5, %r1
    add %r5, %r0
    mov %r4, %r5
    rsh %r4, 1
    mov %r6, %r4
    lsh %r6, 2
    mov %r7, %r2
    add %r7, %r6
    ldxw %r6, [%r7]
    jge %r6, %r3, i24
    add %r4, 1
    mov %r0, %r4
    jle %r4, %r1, i10
    ja i28
i24:
    jlt %r5, 2, i28
    add %r4, -1
    mov %r1, %r4
    jle %r0, %r4, i10
i28:
    exit
